"""Pick the best setting of a sweep, and repeat it under other seeds: the ground truth and its noise."""

import time

from ckptrank.checkpoints import load_network, read_card
from ckptrank.device import acquire_device
from ckptrank.errors import PairFault
from ckptrank.files import read_json, write_json
from ckptrank.finetune import finetune, make_recipe
from ckptrank.ground_truth import add_repeats, fail, select_best
from ckptrank.images import load_images
from ckptrank.log import run_job
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import open_task

with run_job(snakemake) as log:
    params = snakemake.params
    best = select_best([read_json(path) for path in snakemake.input.sweep])
    accuracies = []
    started = time.perf_counter()
    try:
        if best["status"] == "ok" and params.repeats:
            task = open_task(snakemake.input.task)
            card = read_card(snakemake.input.checkpoint)
            rate, steps = best["learning_rate"], best["steps"]
            with acquire_device(params.device, snakemake.threads) as device:
                for repeat in range(1, params.repeats + 1):
                    seed = seed_from("finetune", params.task, params.checkpoint, repeat)
                    network = load_network(snakemake.input.checkpoint, seed)
                    accuracies.append(
                        finetune(
                            network,
                            load_images(task, "train", network.preprocessing),
                            load_images(task, "test", network.preprocessing),
                            classes=task.classes,
                            recipe=make_recipe(params.settings, rate, scratch=not card["sha256"]),
                            budgets=[steps],
                            seed=seed,
                            device=device,
                            description=f"repeat {repeat}",
                        )[steps]
                    )
    except PairFault as fault:
        log.error("%s", fault)
        best = fail(best, str(fault))
    write_json(snakemake.output[0], add_repeats(best, accuracies, time.perf_counter() - started))
