"""Compare every measure's scores with the ground truth, per group."""

from ckptrank.evaluation.columns import BENCHMARK, COMPARISONS
from ckptrank.evaluation.evaluate import evaluate
from ckptrank.evaluation.tables import read_frame, write_frames
from ckptrank.jobs.log import run_job

with run_job(snakemake):
    params = snakemake.params
    tables = {
        name: read_frame(snakemake.input[name], name)
        for name in ("scores", "ground_truth", "checkpoints", "measures")
    }
    evaluation = evaluate(
        **tables,
        groups=params.groups,
        consensus=params.consensus,
        bootstrap=params.bootstrap,
        families=params.families,
    )
    results = {name: getattr(evaluation, name) for name in snakemake.output.keys()}  # noqa: SIM118
    write_frames(snakemake.output, results, BENCHMARK | COMPARISONS)
