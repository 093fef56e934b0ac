"""The selection experiments of the second benchmark, a table each, and its four claims."""

from pathlib import Path

from ckptrank.files import atomic_path
from ckptrank.log import run_job
from ckptrank.model_zoo.experiments import run_experiments
from ckptrank.model_zoo.tables import read_tables

with run_job(snakemake) as log:
    params = snakemake.params
    experiments = run_experiments(
        read_tables(Path(snakemake.input.checkpoints).parent),
        cap=params.cap,
        reference=params.reference,
        consensus=params.consensus,
        bootstrap=params.bootstrap,
    )
    for name, table in experiments.items():
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
