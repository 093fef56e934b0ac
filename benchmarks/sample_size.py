"""How many training images a measure needs: `python benchmarks/sample_size.py FOLDER`.

FOLDER is where the built-in benchmark has run. Measures order its checkpoints on each task by 5, 10, 25 and 60 training
images of each class, and by all, the smaller sets within the larger; Kendall's tau is with the ground truth of the
run, which was fine-tuned on all of them whatever the score saw. The converged probe is scored on the test set, all else on
the training images, as in the run. What is finished is not done again (`FOLDER/sample_size.jsonl`). Writes
`results/sample_size.csv`, a row per task, size and measure, and a figure of that name.
"""

import json
import sys
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from few_shot import without_few_shot
from tqdm import tqdm

from ckptrank import measures
from ckptrank.errors import NotApplicable
from ckptrank.evaluation.evaluate import Resamples
from ckptrank.evaluation.metrics import kendall
from ckptrank.scores.inputs import FeatureInputs, PairFiles
from ckptrank.scores.protocol import Protocol

matplotlib.rcParams["svg.hashsalt"] = "sample_size"
TABLE = Path(__file__).with_name("results") / "sample_size.csv"
SIZES = (5, 10, 25, 60, None)
# Title, colour (Okabe and Ito's, which the colour-blind tell apart) and marker.
SHOWN = {
    "linear_probe": ("Linear (converged)", "#0072B2", "o"),
    "logme": ("LogME", "#D55E00", "s"),
    "lfc": ("LFC", "#009E73", "^"),
    "h_score": ("H-score", "#CC79A7", "D"),
    "nleep": ("N-LEEP", "#000000", "v"),
    "knn": ("k-NN", "#E69F00", "P"),
    "gbc": ("GBC", "#56B4E9", "X"),
}
PARAMETERS = {"h_score": {"shrinkage": "ledoit_wolf"}}  # as config.yaml has them
RESAMPLES = 2000


def score(file: Path, task: str, per_class: int | None) -> dict[str, float]:
    """Return a pair's scores on so many training images of each class; NaN where a measure has none."""
    scores = {}
    for name in SHOWN:
        on_test = name == "linear_probe"
        inputs = FeatureInputs(
            PairFiles(str(file)),
            task=task,
            protocol=Protocol("paper", per_class),
            held_out=on_test,
        )
        given = dict(PARAMETERS.get(name, {}))
        if on_test:
            given |= {key: inputs[key] for key in ("eval_features", "eval_labels")}
            given |= {"epochs": "converged"}
        try:
            value = getattr(measures, name)(inputs["features"], inputs["labels"], **given)
        except (NotApplicable, ValueError):
            value = float("nan")
        scores[name] = value
    return scores


def score_all(folder: Path, truth: pd.DataFrame) -> pd.DataFrame:
    """Return a row per pair and size with the scores, those of an earlier run from the file that it left."""
    place = folder / "sample_size.jsonl"
    rows = [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
    finished = {(row["task"], row["checkpoint"], row["per_class"]) for row in rows}
    wanted = [
        (task, checkpoint, size) for task in truth for checkpoint in truth.index for size in SIZES
    ]
    with place.open("a", encoding="utf-8") as stream:
        for task, checkpoint, size in tqdm([key for key in wanted if key not in finished]):
            file = folder / "results/features" / task / f"{checkpoint}.h5"
            row = {"task": task, "checkpoint": checkpoint, "per_class": size}
            row |= score(file, task, size)
            stream.write(json.dumps(row) + "\n")
            stream.flush()
            rows.append(row)
    return pd.DataFrame(rows)


def compare(scores: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return Kendall's tau for each task, size and measure, and in rows without a task its mean with its interval."""
    resamples = Resamples.draw(*truth.shape, RESAMPLES, np.random.default_rng(0))
    rows = []
    for size in SIZES:
        of_size = scores[
            scores["per_class"].isna() if size is None else scores["per_class"] == size
        ]
        for name in SHOWN:
            by_task = of_size.pivot(index="checkpoint", columns="task", values=name)
            pairs = [
                (by_task[task].loc[truth.index].to_numpy(), truth[task].to_numpy())
                for task in truth
            ]
            taus = np.array([kendall(*pair) for pair in pairs])
            about = {"per_class": size or "all", "measure": name}
            rows += [about | {"task": t, "kendall": v} for t, v in zip(truth, taus, strict=True)]
            draws = [kendall(*pair, counts=resamples.checkpoints) for pair in pairs]
            low, high = resamples.get_interval(np.stack(draws, axis=1))
            rows.append(about | {"task": "", "kendall": np.nanmean(taus), "low": low, "high": high})
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the mean tau over the images of each class, a line per measure."""
    figure, panel = plt.subplots(figsize=(7.2, 4.2))
    means = table[table["task"] == ""]
    places = np.arange(len(SIZES))
    for number, (name, (title, colour, marker)) in enumerate(SHOWN.items()):
        mine = means[means["measure"] == name]
        at = places + 0.06 * (number - len(SHOWN) / 2)
        errors = [mine["kendall"] - mine["low"], mine["high"] - mine["kendall"]]
        panel.errorbar(
            at, mine["kendall"], errors, color=colour, marker=marker, ms=5, lw=1.4, elinewidth=0.7,
            label=title,
        )  # fmt: skip
    panel.axhline(0, color="#999999", lw=0.8)
    panel.set_xticks(places, [str(size or "all") for size in SIZES])
    panel.set_xlabel("Training images of each class that the score saw")
    panel.set_ylabel("Kendall's τ, mean over tasks")
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(*panel.get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    for suffix, options in ((".svg", {"metadata": {"Date": None}}), (".png", {"dpi": 150})):
        figure.savefig(path.with_suffix(suffix), **options)


def main(folder: Path) -> None:
    frame = pd.read_csv(folder / "results/evaluation/ground_truth.csv")
    kinds = pd.read_csv(folder / "results/evaluation/checkpoints.csv").set_index("checkpoint")[
        "kind"
    ]
    truth = frame.pivot(index="checkpoint", columns="task", values="accuracy")
    truth = truth[kinds[truth.index] != "scratch"]
    truth = truth[without_few_shot(truth)]  # those have one size
    warnings.simplefilter("ignore")  # of small samples
    table = compare(score_all(folder, truth), truth)
    table.to_csv(TABLE, index=False, float_format="%.4f", lineterminator="\n")
    draw(table, TABLE)
    means = table[table["task"] == ""]
    print(means.pivot(index="measure", columns="per_class", values="kendall").to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
