"""Fine-tune a checkpoint on a task at some learning rates of the sweep."""

import time
from pathlib import Path

from ckptrank.checkpoints import load_network, read_card
from ckptrank.device import acquire_device, describe
from ckptrank.errors import PairFault
from ckptrank.files import write_json
from ckptrank.finetune import finetune, make_recipe
from ckptrank.images import load_images
from ckptrank.log import run_job
from ckptrank.seeds import seed_from
from ckptrank.tasks.store import open_task

with run_job(snakemake) as log:
    params, output = snakemake.params, Path(snakemake.output[0])
    result = {"checkpoint": params.checkpoint, "task": params.task, "status": "ok", "reason": ""}
    try:
        task = open_task(snakemake.input.task)
        card = read_card(snakemake.input.checkpoint)
        runs = []
        with acquire_device(params.device, snakemake.threads) as device:
            result["device"] = describe(device)
            for rate in params.learning_rates:
                started = time.perf_counter()
                seed = seed_from("finetune", params.task, params.checkpoint, 0)
                network = load_network(snakemake.input.checkpoint, seed)
                accuracies = finetune(
                    network,
                    load_images(task, "train", network.preprocessing),
                    load_images(task, "test", network.preprocessing),
                    classes=task.classes,
                    recipe=make_recipe(params.settings, rate, scratch=not card["sha256"]),
                    budgets=params.settings["steps"],
                    seed=seed,
                    device=device,
                    resume_path=output.with_name(f".{rate}.resume.pt"),
                    description=f"learning rate {rate}",
                )
                runs.append(
                    {
                        "learning_rate": rate,
                        "seed": seed,
                        "accuracies": {str(steps): value for steps, value in accuracies.items()},
                        "seconds": time.perf_counter() - started,
                    }
                )
        result["runs"] = runs
    except PairFault as fault:
        log.error("%s", fault)
        result |= {"status": "failed", "reason": str(fault)}
    write_json(output, result)
