"""Score a (checkpoint, task) pair by one ranking method, for each measure that the config makes of it."""

import importlib

from ckptrank.errors import PairFault
from ckptrank.files import write_json
from ckptrank.log import run_job
from ckptrank.score_inputs import FeatureInputs
from ckptrank.scoring import failed_scores, score_measures

params = snakemake.params
function = getattr(importlib.import_module(params.module), params.function)
works_on_network = "network" in params.inputs
if works_on_network:
    from ckptrank.network_inputs import NetworkInputs

with run_job(snakemake) as log:
    try:
        if works_on_network:
            inputs = NetworkInputs(snakemake.input, params, snakemake.threads)
        else:
            inputs = FeatureInputs(snakemake.input, params)
        scores = score_measures(function, params.inputs, params.measures, inputs, log)
    except PairFault as fault:
        log.error("%s", fault)
        scores = failed_scores(params.measures, str(fault))
    write_json(
        snakemake.output[0],
        {
            "method": params.method,
            "task": params.task,
            "checkpoint": params.checkpoint,
            "protocol": params.protocol,
            "scores": scores,
        },
    )
