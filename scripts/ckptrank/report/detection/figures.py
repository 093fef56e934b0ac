"""The chapter's figure: scores against average precision, a panel per measure and view."""

from pathlib import Path

from matplotlib.ticker import MaxNLocator

from ckptrank.report.detection.frames import VIEWS, Results
from ckptrank.report.kit import theme
from ckptrank.report.kit.figures import saved_figure, shortened

COLUMNS = 4
SIDE = 1.7  # inches of a panel


def plot_scores(results: Results, task: str, path_svg: str | Path, path_pdf: str | Path) -> None:
    """Draw each measure's scores on a task against the ground truth, in percent."""
    truth = results.of_task(task).set_index("checkpoint")["accuracy"]
    scores = results.scores[(results.scores["task"] == task) & (results.scores["status"] == "ok")]
    drawn = scores[scores["checkpoint"].map(truth).notna()]
    panels = list(drawn.groupby(["view", "measure"], sort=False))
    rows = max(1, -(-len(panels) // COLUMNS))
    title = f"Scores against precision: {results.task_titles[task]}"
    size = COLUMNS * SIDE, rows * SIDE + 0.3
    with saved_figure(*size, title, path_svg, path_pdf) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for panel, ((view, measure), here) in zip(grid, panels, strict=False):
            color = theme.BLUE if view == "images" else theme.OCHRE
            values = 100 * here["checkpoint"].map(truth)
            panel.plot(here["score"], values, ls="", marker="o", ms=3.5, color=color)
            panel.set_title(shortened(results.measure_titles[measure], 24), fontsize=7)
            panel.set_xlabel(VIEWS[view].lower(), fontsize=6)
            panel.tick_params(labelsize=6)
            panel.xaxis.set_major_locator(MaxNLocator(3))
        for panel in grid[len(panels) :]:
            panel.set_axis_off()
        figure.supylabel("Ground truth (%)", fontsize=7)
