"""The two charts to explore: score against accuracy, and quality against cost."""

from ckptrank.files import write_text
from ckptrank.log import run_job
from ckptrank.report.frames import read_frames
from ckptrank.report.interactive import render_cost_chart, render_score_chart
from ckptrank.report.output import made_from

with run_job(snakemake):
    params, source = snakemake.params, made_from(snakemake)
    frames = read_frames("results/evaluation")
    chart = render_score_chart(frames, params.group, measure=params.recommend, made_from=source)
    write_text(snakemake.output.scores, chart)
    chart = render_cost_chart(frames, params.groups, group=params.group, made_from=source)
    write_text(snakemake.output.cost, chart)
