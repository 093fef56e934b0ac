# What rank.smk is made of: the stages of successive halving and their files.
from csv import DictReader

RANK_JOBS = get_jobs_of_methods(config["rank"]["measures"])
BUDGET = {
    str(stage["samples_per_class"]): stage["keep"] for stage in config["rank"]["budget"]
}
STAGES = [*BUDGET, "all"]


def get_rank_protocol(samples):
    cap = config["rank"]["samples_per_class"] if samples == "all" else int(samples)
    return {"score_on": "train", "samples_per_class": cap}


def get_stage_features(samples):
    return (
        "results/features" if samples == "all" else f"results/rank/features/{samples}"
    )


def get_candidates(task, samples):
    """The checkpoints that a stage scores: all, or what the stage before it kept."""
    stage = STAGES.index(samples)
    if stage == 0:
        return get_ranked()
    kept = checkpoints.drop_checkpoints.get(task=task, samples=STAGES[stage - 1])
    return json.loads(Path(kept.output[0]).read_text())


def get_stage_scores(task, samples):
    return [
        f"results/rank/scores/{samples}/{job}/{task}/{checkpoint}.json"
        for job in RANK_JOBS
        for checkpoint in get_candidates(task, samples)
    ]


def get_stage_feature_files(task, samples):
    return {
        name: f"{get_stage_features(samples)}/{task}/{name}.h5"
        for name in get_candidates(task, samples)
    }


def get_tuned_first(wildcards):
    """Ground truth of the first `rank.finetune_top` checkpoints of a task."""
    if not config["rank"]["finetune_top"]:
        return []
    order = Path(checkpoints.order_checkpoints.get(task=wildcards.task).output.order)
    with order.open(newline="") as file:
        ranked = [row["checkpoint"] for row in DictReader(file) if row["rank"]]
    return [
        f"results/ground_truth/{wildcards.task}/{checkpoint}.json"
        for checkpoint in ranked[: config["rank"]["finetune_top"]]
    ]


wildcard_constraints:
    samples=constrain(STAGES),
