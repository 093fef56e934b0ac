"""A page for every measure and baseline."""

from ckptrank.files import write_text
from ckptrank.log import run_job
from ckptrank.report.frames import read_frames
from ckptrank.report.output import made_from
from ckptrank.report.pages import render_method_page

with run_job(snakemake):
    params = snakemake.params
    frames = read_frames("results/evaluation")
    for measure, path in zip(params.measures, snakemake.output, strict=True):
        page = render_method_page(frames, measure, params.groups, made_from=made_from(snakemake))
        write_text(path, page)
