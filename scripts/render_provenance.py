"""What ran, on what, for how long, and everything that failed."""

from ckptrank.files import write_json, write_text
from ckptrank.log import read_job_costs, run_job
from ckptrank.report.accuracy_tables import render_missing_table
from ckptrank.report.figures import plot_stages
from ckptrank.report.frames import read_frames
from ckptrank.report.output import made_from
from ckptrank.report.provenance import render_provenance, summarise_costs
from ckptrank.report.run_facts import describe_run
from ckptrank.report.stages import select_costs
from ckptrank.report.tables import to_html

with run_job(snakemake):
    params, output, source = snakemake.params, snakemake.output, made_from(snakemake)
    frames = read_frames("results/evaluation")
    costs = select_costs(read_job_costs("logs"), "benchmark")
    stages = summarise_costs(costs)
    plot_stages(stages, output.svg, output.pdf)
    facts = describe_run(
        costs, snakemake.scriptdir, config=params.config, configfiles=params.configfiles
    )
    write_json(output.facts, {**facts, "stages": stages.to_dict("records")})
    write_text(
        output.page,
        render_provenance(frames, facts, stages, stages_svg=output.svg, made_from=source),
    )
    missing = render_missing_table(frames)
    write_text(
        output.missing, to_html([missing], "What failed or does not apply", made_from=source)
    )
