"""A task's ranking as a page: what to take, how sure, at what cost."""

from ckptrank.files import write_text
from ckptrank.log import run_job
from ckptrank.report.figures_rank import plot_rank_intervals
from ckptrank.report.output import made_from
from ckptrank.report.rank_chart import render_rank_chart
from ckptrank.report.rank_frames import read_ranking
from ckptrank.report.rank_page import render_rank_page

with run_job(snakemake):
    given, output, source = snakemake.input, snakemake.output, made_from(snakemake)
    ranking = read_ranking(given.ranking, given.scores, given.facts)
    plot_rank_intervals(ranking, output.svg, output.pdf)
    page = render_rank_page(ranking, output.svg, output.pdf, made_from=source)
    write_text(output.page, page)
    write_text(output.chart, render_rank_chart(ranking, made_from=source))
