"""Compare every measure's scores with the ground truth, per group."""

from ckptrank.evaluation import evaluate
from ckptrank.files import atomic_path
from ckptrank.log import run_job
from ckptrank.report.frames import read_frame

with run_job(snakemake) as log:
    params = snakemake.params
    tables = {
        name: read_frame(snakemake.input[name], name)
        for name in ("scores", "ground_truth", "checkpoints", "measures")
    }
    evaluation = evaluate(
        **tables, groups=params.groups, consensus=params.consensus, bootstrap=params.bootstrap
    )
    for name in ("scores", "metrics", "summary"):
        table = getattr(evaluation, name)
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
