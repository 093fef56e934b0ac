"""Compare every measure's scores with the ground truth, per group."""

import pandas as pd

from ckptrank.evaluation import evaluate
from ckptrank.files import atomic_path
from ckptrank.log import run_job

with run_job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    evaluation = evaluate(
        pd.read_csv(given.scores),
        pd.read_csv(given.ground_truth),
        pd.read_csv(given.checkpoints),
        params.groups,
        pd.read_csv(given.measures),
        params.consensus,
        params.bootstrap,
        0,
    )
    for name in ("scores", "metrics", "summary"):
        table = getattr(evaluation, name)
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
