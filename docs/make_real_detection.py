"""Fill the tables of docs/detection.md: ``python docs/make_real_detection.py FOLDER``.

FOLDER is where `snakemake detection` has run `presets/real_detection.yaml` to its end.
"""

import shutil
import sys
from pathlib import Path

import pandas as pd
from run_tables import (
    IMAGES,
    compare_spent,
    fill_page,
    index_metrics,
    read_costs,
    with_interval,
    write_table,
)

from ckptrank.evaluation.columns import DETECTION
from ckptrank.report.detection.frames import VIEWS, Results, read_results
from ckptrank.text import DASH, fixed, is_number, significant

PAGE = Path(__file__).parent / "detection.md"
TASK = "blood-boxes"


def list_precisions(results: Results) -> str:
    """A row per network, the best detector first."""
    cards = results.checkpoints.set_index("checkpoint")
    rows = []
    for row in results.of_task(TASK).itertuples():
        source = cards.loc[row.checkpoint, "source_accuracy"]
        rows.append(
            [
                cards.loc[row.checkpoint, "title"],
                fixed(100 * source) if is_number(source) else DASH,
                *(fixed(100 * value, 1) for value in (row.ap, row.ap50, row.ap75)),
                significant(row.learning_rate, 2),
            ]
        )
    return write_table(["network", "ImageNet, %", "AP", "AP50", "AP75", "best rate"], rows)


def rank_measures(results: Results) -> str:
    """A row per measure: Kendall's tau in both views, and the AP that its first choice gives up."""
    cells, titles = index_metrics(results.summary), results.measure_titles
    tau = cells["kendall"]["mean"].unstack().reindex(columns=results.views)
    order = tau.max(axis=1).sort_values(ascending=False, na_position="last").index

    def tell(name: str, view: str) -> list[str]:
        if pd.isna(tau.loc[name, view]):
            return [DASH, DASH]
        regret = cells["regret_at_1"].loc[(name, view), "mean"]
        return [with_interval(cells["kendall"].loc[(name, view)]), fixed(regret, 1)]

    rows = [
        [titles[name], *(cell for view in results.views for cell in tell(name, view))]
        for name in order
    ]
    views = [VIEWS[view].lower() for view in results.views]
    return write_table(["measure", *(head for view in views for head in (view, "gives up"))], rows)


def add_up(costs: pd.DataFrame) -> str:
    """Processor minutes of ranking and of tuning."""
    ranking = costs["rule"].str.startswith(("fit_", "extract", "score"))
    tuning = costs["rule"].str.contains("finetune")
    return compare_spent(
        {
            "features and all measures, both views": costs.loc[ranking, "cpu_seconds"].sum(),
            "fine-tuning at three rates": costs.loc[tuning, "cpu_seconds"].sum(),
        }
    )


def main(folder: Path) -> None:
    tables = folder / "results/detection"
    results = read_results({name: tables / f"{name}.csv" for name in DETECTION})
    fill_page(
        PAGE,
        {
            "precisions": list_precisions(results),
            "agreement": rank_measures(results),
            "spent": add_up(read_costs(folder)),
        },
    )
    drawn = folder / f"results/report/detection/figures/{TASK}.svg"
    shutil.copy(drawn, IMAGES / "real_detection.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
