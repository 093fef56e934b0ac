"""Fill the tables of docs/detection.md: ``python docs/make_real_detection.py FOLDER``.

FOLDER is where `snakemake detection` has run `presets/real_detection.yaml` to its end.
"""

import shutil
import sys
from itertools import combinations
from pathlib import Path

import pandas as pd
import yaml
from detection_tables import compare_orders, rank_measures, score_as_rank
from run_tables import IMAGES, compare_spent, fill_page, read_costs, write_table
from scipy.stats import kendalltau

from ckptrank.evaluation.columns import DETECTION
from ckptrank.evaluation.recommend import pooled_noise
from ckptrank.report.detection.frames import Results, read_results
from ckptrank.text import DASH, fixed, is_number, significant

PAGE = Path(__file__).parent / "detection.md"
TASK = "blood-boxes"


def list_precisions(results: Results) -> str:
    """A row per network, the best detector first."""
    cards = results.checkpoints.set_index("checkpoint")
    rows = []
    for row in results.of_task(TASK).itertuples():
        source = cards.loc[row.checkpoint, "source_accuracy"]
        repeats = map(float, row.repeat_accuracies.split(";"))
        rows.append(
            [
                cards.loc[row.checkpoint, "title"],
                fixed(100 * source) if is_number(source) else DASH,
                fixed(100 * row.accuracy, 1),
                ", ".join(fixed(100 * value, 1) for value in (row.ap, *repeats)),
                fixed(100 * row.ap50, 1),
                fixed(100 * row.ap75, 1),
                significant(row.learning_rate, 2),
            ]
        )
    return write_table(
        ["network", "ImageNet, %", "mean AP", "AP of each run", "AP50", "AP75", "rate"], rows
    )


def compare_runs(results: Results, without: tuple[str, ...] = ()) -> list[float]:
    """Return Kendall's tau (-1..1) of each two runs: what a measure that knew a run would have of another."""
    rows = results.of_task(TASK)
    rows = rows[~rows["checkpoint"].isin(without)].reset_index(drop=True)
    repeats = rows["repeat_accuracies"].str.split(";", expand=True).astype(float)
    runs = pd.concat([rows["ap"], repeats], axis=1)
    return [
        kendalltau(runs.iloc[:, one], runs.iloc[:, other]).statistic
        for one, other in combinations(range(runs.shape[1]), 2)
    ]


def add_up(costs: pd.DataFrame) -> str:
    """Processor minutes of ranking, and of tuning and its repeats."""
    early = costs["rule"] == "score_detector"
    ranking = costs["rule"].str.startswith(("fit_", "extract", "score")) & ~early
    repeats, tuning = (costs["rule"] == f"{what}_detector" for what in ("select", "finetune"))
    return compare_spent(
        {
            "features and all measures, both views": costs.loc[ranking, "cpu_seconds"].sum(),
            "a detector stopped after one epoch": costs.loc[early, "cpu_seconds"].sum(),
            "the chosen rate twice more": costs.loc[repeats, "cpu_seconds"].sum(),
            "fine-tuning at three rates": costs.loc[tuning, "cpu_seconds"].sum(),
        }
    )


def main(folder: Path) -> None:
    tables = folder / "results/detection"
    results = read_results({name: tables / f"{name}.csv" for name in DETECTION})
    config = yaml.safe_load((PAGE.parents[1] / "config.yaml").read_text(encoding="utf-8"))
    print(f"noise of a mean: {100 * pooled_noise(results.of_task(TASK)):.2f} points of AP")
    unsteady = results.of_task(TASK).set_index("checkpoint")["noise_sd"].idxmax()
    for without in (), (unsteady,):
        taus = ", ".join(fixed(100 * tau, 0) for tau in compare_runs(results, without))
        print(f"Kendall of two runs{' without '.join(('', *without))}: {taus}")
    scores = score_as_rank(folder, results, TASK, config)
    without = compare_orders(results, TASK, scores.drop(index=unsteady))
    print(f"the order of rank without {unsteady}: {without.splitlines()[-1]}")
    rows = results.of_task(TASK)
    rows = rows[rows["checkpoint"] != unsteady]
    print(f"noise of a mean without it: {100 * pooled_noise(rows):.2f} points of AP")
    fill_page(
        PAGE,
        {
            "precisions": list_precisions(results),
            "agreement": rank_measures(results),
            "order": compare_orders(results, TASK, scores),
            "spent": add_up(read_costs(folder)),
        },
    )
    drawn = folder / f"results/report/detection/figures/{TASK}.svg"
    shutil.copy(drawn, IMAGES / "real_detection.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
