"""Score against fine-tuned accuracy on one task, a panel per measure."""

from ckptrank.files import write_text
from ckptrank.log import run_job
from ckptrank.report.figures_scores import plot_scores
from ckptrank.report.frames import read_frames
from ckptrank.report.output import made_from
from ckptrank.report.pages import render_figure_page

with run_job(snakemake):
    params, output = snakemake.params, snakemake.output
    frames = read_frames("results/evaluation")
    plot_scores(
        frames.scores,
        frames.ground_truth,
        frames.checkpoints,
        frames.measures,
        frames.metrics,
        output.svg,
        output.pdf,
        task=params.task,
        group=params.group,
    )
    page = render_figure_page(
        output.svg,
        output.pdf,
        title=f"Score against accuracy: {params.title}",
        caption="A point per checkpoint; the better a measure, the more the points rise to the right.",
        alternative="A scatter plot per measure, score against fine-tuned test accuracy.",
        made_from=made_from(snakemake),
    )
    write_text(output.figure, page)
