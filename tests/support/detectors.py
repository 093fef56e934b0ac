"""What the jobs of the detection benchmark leave, of four checkpoints on one task, and the tables made of it."""

from ckptrank.detection.collect import collect_tables, evaluate_views
from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.tables import read_table, write_frames
from ckptrank.files.atomic import write_json
from tests.support.scenes import prepare_scenes

NAMES = ["a", "b", "c", "d"]
QUALITIES = [0.1, 0.2, 0.3, None]
EXAMPLE = {
    "image": 0,
    "boxes": [[2, 3, 30, 40], [50, 50, 80, 90]],
    "labels": [1, 2],
    "scores": [0.9, 0.4],
}
ENTRY = {
    "measure": "lfc",
    "method": "lfc",
    "title": "N-LEEP",
    "family": "model_zoo",
    "eval": None,
    "reference": "",
    "held_out": False,
    "can_evaluate": False,
    "params": {},
}


STOPPED_EARLY = ENTRY | {
    "measure": "finetune_5_epochs",
    "method": "early_stopped_finetune",
    "title": "Fine-tune (5 epochs)",
    "family": "neucrab",
}


def write_detector(folder, name, quality):
    pair = {"checkpoint": name, "task": "scenes"}
    if quality is None:
        truth = {**pair, "status": "failed", "reason": "no <maps>"}
    else:
        metrics = {"ap": quality, "ap50": 0.6, "ap75": 0.2}
        truth = {
            **pair,
            "status": "ok",
            "reason": "",
            "accuracy": quality,
            "learning_rate": 0.1,
            "steps": 9,
            "seconds": 4.0,
            "repeat_accuracies": [0.1, 0.2],
            "noise_sd": 0.01,
            "details": {"metrics": metrics, "examples": [EXAMPLE]},
        }
    file = folder / "scenes" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, truth)
    return str(file)


def write_scores(file, values, entry=ENTRY):
    empty = {"reason": "", "mark": "", "seconds": 0.5, "gmacs": None, "params": {}, "notes": {}}
    pairs = [
        {
            "checkpoint": name,
            "scores": {entry["measure"]: {"score": value, "status": "ok", **empty}},
        }
        for name, value in zip(NAMES, values, strict=True)
    ]
    write_json(file, {"method": entry["method"], "task": "scenes", "pairs": pairs})
    return str(file)


def write_card(folder, name):
    card = {"checkpoint": name, "title": f"<{name}>", "kind": "supervised", "source": "file"}
    facts = {"parameters": 10, "forward_flops": 20, "status": "ok", "reason": ""}
    (folder / name).mkdir(parents=True)
    write_json(folder / name / "card.json", card | facts)
    return str(folder / name)


def write_run(folder, accuracy="best", *, stopped_early=False):
    """Return what the page is given: the paths of all tables, the prepared task, the ground truth's files.

    ``stopped_early``: the run has a measure that tunes detectors too.
    """
    truths = [
        write_detector(folder / "truth", *pair) for pair in zip(NAMES, QUALITIES, strict=True)
    ]
    task = str(prepare_scenes(folder / "tasks/scenes", train=8, test=3))
    entries = [ENTRY, STOPPED_EARLY] if stopped_early else [ENTRY]
    images = [write_scores(folder / "images.json", [1, 2, 3, 4])]
    if stopped_early:
        images.append(write_scores(folder / "early.json", [0.1, 0.3, 0.2, 0], STOPPED_EARLY))
    tables = collect_tables(
        checkpoints=[write_card(folder / "cards", name) for name in NAMES],
        tasks=[task],
        ground_truth=truths,
        scores={
            "images": images,
            "objects": [write_scores(folder / "objects.json", [3, 2, 1, 0])],
        },
        ranked=NAMES,
        titles={"scenes": "Scenes & things"},
        sources={"scenes": "builtin"},
        heads={"scenes": "fcos"},
        measures=entries,
        protocol={"score_on": "paper", "samples_per_class": None},
        accuracy=accuracy,
    )
    paths = {name: str(folder / f"{name}.csv") for name in DETECTION}
    write_frames(paths, tables, DETECTION)
    read = {name: read_table(paths[name], DETECTION[name], name) for name in tables}
    write_frames(paths, evaluate_views(read, NAMES, bootstrap=20), DETECTION)
    return {**paths, "prepared": [task], "detectors": truths}
