"""A group's table of measures in the papers' layout, as CSV, Markdown, LaTeX and a page."""

from ckptrank.log import run_job
from ckptrank.report.frames import read_frame
from ckptrank.report.output import write_tables
from ckptrank.report.published import add_published_metrics
from ckptrank.report.ranking_tables import render_ranking_table

with run_job(snakemake):
    params = snakemake.params
    frames = {name: read_frame(path, name) for name, path in snakemake.input.items()}
    table = render_ranking_table(
        frames["summary"], frames["measures"], params.group, checkpoints=frames["checkpoints"]
    )
    if params.published:
        table = add_published_metrics(table, params.published, params.group)
    title = f"Which measures to trust: {params.title} ({params.group})"
    write_tables([table], snakemake.output, title, snakemake)
