"""Gather N-LEEP's scores over its grid of parameters into tidy tables."""

from ckptrank.collecting import collect_measures, collect_scores
from ckptrank.files import atomic_path
from ckptrank.log import run_job

with run_job(snakemake) as log:
    params = snakemake.params
    tables = {
        "measures": collect_measures(
            params.measures, params.protocol, params.pooled, params.consensus
        ),
        "scores": collect_scores(snakemake.input.scores),
    }
    for name, table in tables.items():
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
