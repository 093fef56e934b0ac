"""The stages of a run, in the order of the provenance page: rule -> stage."""

from ckptrank.measures.registry import METHODS

STAGES = {
    "prepare_source": "Images and tasks",
    "prepare_task": "Images and tasks",
    "pretrain": "Pre-training",
    "prepare_checkpoint": "Preparing checkpoints",
    "extract_features": "Feature extraction",
    "extract_sample": "Feature extraction",
    "train_reference": "Reference features",
    "finetune": "Fine-tuning sweep",
    "select_best": "Repeats under other seeds",
    **{f"score_{name}": f"Score: {method.title}" for name, method in METHODS.items()},
    "score_nleep_grid": "Score: N-LEEP's grid",
    **{f"rank_{name}": f"Score: {method.title}" for name, method in METHODS.items()},
    **dict.fromkeys(("drop_checkpoints", "order_checkpoints", "add_tuned_accuracy"), "Ranking"),
    "gather_scores": "Evaluation and report",
    "collect": "Evaluation and report",
    "collect_nleep_grid": "Evaluation and report",
    "evaluate": "Evaluation and report",
    "evaluate_nleep_grid": "Evaluation and report",
    "evaluate_model_zoo": "Evaluation and report",
    **dict.fromkeys(
        (
            "render_ranking",
            "render_accuracy",
            "render_nleep_grid",
            "render_scores",
            "render_quality_cost",
            "render_charts",
            "render_measures",
            "render_provenance",
            "render_landing",
            "render_model_zoo",
            "render_rank",
            "render_rank_overview",
            "render_rank_provenance",
        ),
        "Evaluation and report",
    ),
}
