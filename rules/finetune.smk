# The ground truth of a (checkpoint, task) pair: the best fine-tuned test accuracy over a sweep.
# Where one job has all learning rates, it also selects the best setting and repeats it: on a workstation starting
# another for each pair would cost more than most repeats do.
if plan.whole_sweep:

    rule finetune_whole:
        input:
            checkpoint=paths.CHECKPOINT,
            task=paths.TASK,
            images=lambda wildcards: plan.images(
                [(wildcards.task, wildcards.checkpoint)]
            ),
        output:
            **plan.kept_weights,
            sweep=paths.SWEEP.replace("{rates}", plan.whole_sweep),
            truth=paths.GROUND_TRUTH,
        log:
            "<logs>/finetune/sweep/{task}/{checkpoint}.log",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(),
            gpu_model=resources.gpu_model(),
            mem_mb=resources.torch_memory(),
            runtime=resources.sweep_runtime(
                plan.sweep[plan.whole_sweep].trained_steps + plan.repeated_steps
            ),
        params:
            checkpoint=lambda wildcards: wildcards.checkpoint,
            task=lambda wildcards: wildcards.task,
            learning_rates=plan.sweep[plan.whole_sweep].learning_rates,
            repeats=config["finetune"]["repeats"],
            settings=plan.sweep_settings,
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=lambda wildcards: digest_code(
                "ckptrank.finetune.ground_truth",
                plan.source_module(wildcards.checkpoint),
            ),
        script:
            "../scripts/finetune/finetune_whole.py"

else:

    rule finetune:
        input:
            checkpoint=paths.CHECKPOINT,
            task=paths.TASK,
            images=lambda wildcards: plan.images(
                [(wildcards.task, wildcards.checkpoint)]
            ),
        output:
            paths.SWEEP,
        log:
            "<logs>/finetune/sweep/{task}/{checkpoint}/{rates}.log",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(),
            gpu_model=resources.gpu_model(),
            mem_mb=resources.torch_memory(),
            runtime=lambda wildcards, attempt: resources.sweep_runtime(
                plan.sweep[wildcards.rates].trained_steps
            )(wildcards, attempt),
        params:
            checkpoint=lambda wildcards: wildcards.checkpoint,
            task=lambda wildcards: wildcards.task,
            learning_rates=lambda wildcards: plan.sweep[wildcards.rates].learning_rates,
            settings=lambda wildcards: plan.settings_of_sweep(wildcards.rates),
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=lambda wildcards: digest_code(
                "ckptrank.finetune.sweep", plan.source_module(wildcards.checkpoint)
            ),
        script:
            "../scripts/finetune/finetune.py"

    rule select_best:
        input:
            checkpoint=paths.CHECKPOINT,
            task=paths.TASK,
            images=lambda wildcards: plan.images(
                [(wildcards.task, wildcards.checkpoint)]
            ),
            sweep=lambda wildcards: plan.sweep_files(
                wildcards.task, wildcards.checkpoint
            ),
        output:
            paths.GROUND_TRUTH,
            **plan.kept_weights,
        log:
            "<logs>/finetune/repeats/{task}/{checkpoint}.log",
        group:
            None if plan.trains_best else "report"
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(plan.trains_best),
            gpu_model=resources.gpu_model(plan.trains_best),
            mem_mb=resources.torch_memory() if plan.trains_best else memory(1000, 0),
            runtime=(
                resources.sweep_runtime(plan.repeated_steps)
                if plan.trains_best
                else runtime(2)
            ),
        params:
            checkpoint=lambda wildcards: wildcards.checkpoint,
            task=lambda wildcards: wildcards.task,
            repeats=config["finetune"]["repeats"],
            settings=plan.sweep_settings,
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=lambda wildcards: digest_code(
                "ckptrank.finetune.ground_truth",
                plan.source_module(wildcards.checkpoint),
            ),
        script:
            "../scripts/finetune/select_best.py"


# By a recipe of the second benchmark: all its learning rates, on one task or several.
for batch in zoo.batches(zoo.task_names):

    rule:
        name:
            f"tune{batch.suffix}"
        input:
            checkpoint=paths.CHECKPOINT,
            tasks=[paths.TASK.format(task=task) for task in batch.tasks],
            images=partial(get_images_of_batch, batch),
        output:
            [
                paths.TUNED.format(
                    recipe="{recipe}", task=task, checkpoint="{checkpoint}"
                )
                for task in batch.tasks
            ],
        log:
            f"<logs>/finetune/recipes/{{recipe}}/{batch.log}/{{checkpoint}}.log",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(),
            gpu_model=resources.gpu_model(),
            mem_mb=resources.torch_memory(),
            disk_mb=disk(1000),
            runtime=runtime(720),
        params:
            checkpoint=lambda wildcards: wildcards.checkpoint,
            tasks=batch.tasks_of,
            fitted=partial(get_fitted_of_batch, batch),
            settings=lambda wildcards: config["recipes"][wildcards.recipe],
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=lambda wildcards: digest_code(
                "ckptrank.finetune.tune", plan.source_module(wildcards.checkpoint)
            ),
        script:
            "../scripts/finetune/tune.py"
