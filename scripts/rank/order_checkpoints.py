"""Order the checkpoints for a task, with the intervals of their ranks and what else decides."""

from ckptrank.jobs.log import run_job
from ckptrank.rank.task import TaskFiles, write_order
from ckptrank.scores.protocol import Protocol

with run_job(snakemake):
    given, params = snakemake.input, snakemake.params
    write_order(
        TaskFiles.from_lists(
            given.task,
            dict(zip(params.titles, given.cards, strict=True)),
            params.candidates,
            given.scores,
            given.features,
            dict(zip(params.titles, given.running, strict=True)),
            given.twins,
            given.get("detectors", []),
        ),
        snakemake.output,
        task=params.task,
        title=params.title,
        titles=params.titles,
        measures=params.measures,
        protocols={stage: Protocol(**given) for stage, given in params.protocols.items()},
        resamples=params.resamples,
        finetune_images=params.finetune_images,
        batch_size=params.batch_size,
        detector=params.detector,
    )
