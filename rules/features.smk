# A task's images at a checkpoint's size, decoded once; checkpoints of one size share them on the disk.
rule fit_images:
    input:
        checkpoint=paths.CHECKPOINT,
        task=paths.TASK,
    output:
        directory(paths.IMAGES),
    log:
        "<logs>/features/images/{task}/{checkpoint}.log",
    group:
        EXTRACTION_GROUP
    conda:
        "../envs/data.yaml"
    threads: get_decoding_threads
    resources:
        mem_mb=memory(1000),
        disk_mb=disk(2000, 3),
        runtime=runtime(240),
    params:
        splits=["train", "test"],
        code=digest_code("ckptrank.features.fit"),
    script:
        "../scripts/features/fit_images.py"


use rule fit_images as fit_training_images with:
    output:
        directory(paths.TRAINING_IMAGES),
    log:
        "<logs>/features/training_images/{task}/{checkpoint}.log",
    params:
        splits=["train"],
        code=digest_code("ckptrank.features.fit"),


# Where `rank` has passed the training images through the network, the test images alone are passed.
rule extract_features:
    input:
        checkpoints=[paths.CHECKPOINT],
        tasks=[paths.TASK],
        images=lambda wildcards: plan.images([(wildcards.task, wildcards.checkpoint)]),
        known=lambda wildcards: plan.known_features(
            wildcards.task, wildcards.checkpoint
        ),
    output:
        paths.FEATURES,
    log:
        "<logs>/features/extract/{task}/{checkpoint}.log",
    group:
        EXTRACTION_GROUP
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(),
        gpu_model=resources.gpu_model(),
        mem_mb=resources.torch_memory(),
        disk_mb=disk(1000, 4),
        runtime=runtime(120),
    params:
        checkpoints=lambda wildcards: [wildcards.checkpoint],
        tasks=lambda wildcards: [wildcards.task],
        fitted=get_fitted,
        splits=["train", "test"],
        samples_per_class=None,
        batch_size=config["compute"]["extract_batch"],
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.features.extract", plan.source_module(wildcards.checkpoint)
        ),
    script:
        "../scripts/features/extract_features.py"


# What `rank` sees: training images, nothing else.
use rule extract_features as extract_training with:
    input:
        checkpoints=[paths.CHECKPOINT],
        tasks=[paths.TASK],
        images=get_training_images,
    output:
        paths.TRAINING_FEATURES,
    log:
        "<logs>/features/extract_training/{task}/{checkpoint}.log",
    params:
        checkpoints=lambda wildcards: [wildcards.checkpoint],
        tasks=lambda wildcards: [wildcards.task],
        fitted=get_fitted,
        splits=["train"],
        samples_per_class=None,
        batch_size=config["compute"]["extract_batch"],
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.features.extract", plan.source_module(wildcards.checkpoint)
        ),


# What a stage of it sees that scores few samples of each class.
use rule extract_training as extract_sample with:
    output:
        paths.SAMPLE_FEATURES,
    log:
        "<logs>/rank/features/{samples}/{task}/{checkpoint}.log",
    params:
        checkpoints=lambda wildcards: [wildcards.checkpoint],
        tasks=lambda wildcards: [wildcards.task],
        fitted=get_fitted,
        splits=["train"],
        samples_per_class=lambda wildcards: int(wildcards.samples),
        batch_size=config["compute"]["extract_batch"],
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.features.extract", plan.source_module(wildcards.checkpoint)
        ),


# Where a job of the second benchmark takes several tasks, starting PyTorch is paid once for all of them.
if config["model_zoo"]["tasks_per_job"] > 1:
    for batch in zoo.batches(zoo.task_names):

        rule:
            name:
                f"extract_batch{batch.suffix}"
            input:
                checkpoints=[paths.CHECKPOINT],
                tasks=[paths.TASK.format(task=task) for task in batch.tasks],
                images=partial(get_images_of_batch, batch),
            output:
                [
                    paths.FEATURES.format(task=task, checkpoint="{checkpoint}")
                    for task in batch.tasks
                ],
            log:
                f"<logs>/features/extract_batch/{batch.log}/{{checkpoint}}.log",
            wildcard_constraints:
                checkpoint=constrain(zoo.batched),
            conda:
                "../envs/torch.yaml"
            resources:
                gpu=resources.gpus(),
                gpu_model=resources.gpu_model(),
                mem_mb=resources.torch_memory(),
                disk_mb=disk(1000, 4),
                runtime=runtime(240),
            params:
                checkpoints=lambda wildcards: [wildcards.checkpoint],
                tasks=list(batch.tasks),
                fitted=partial(get_fitted_of_batch, batch),
                splits=["train", "test"],
                samples_per_class=None,
                batch_size=config["compute"]["extract_batch"],
                device=DEVICE,
                precision=config["compute"]["precision"],
                code=lambda wildcards: digest_code(
                    "ckptrank.features.extract",
                    plan.source_module(wildcards.checkpoint),
                ),
            script:
                "../scripts/features/extract_features.py"

        workflow.ruleorder(f"extract_batch{batch.suffix}", "extract_features")


# There too: what the experts were trained on, for domain similarity, in a job per source for all its experts.
for number, (source, viewers) in enumerate(zoo.sources.items()):

    rule:
        name:
            f"extract_source_{number}"
        input:
            checkpoints=expand(paths.CHECKPOINT, checkpoint=viewers),
            tasks=[paths.TASK.format(task=source)],
            images=plan.images((source, name) for name in viewers),
        output:
            [paths.FEATURES.format(task=source, checkpoint=name) for name in viewers],
        log:
            f"<logs>/features/extract_source/{source}.log",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(),
            gpu_model=resources.gpu_model(),
            mem_mb=resources.torch_memory(),
            disk_mb=disk(1000, 4),
            runtime=runtime(240),
        params:
            checkpoints=viewers,
            tasks=[source],
            fitted=[plan.needs_images(source, name) for name in viewers],
            splits=["train", "test"],
            samples_per_class=None,
            batch_size=config["compute"]["extract_batch"],
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=digest_code(
                "ckptrank.features.extract", *map(plan.source_module, viewers)
            ),
        script:
            "../scripts/features/extract_features.py"

    workflow.ruleorder(f"extract_source_{number}", "extract_features")


# A network trained on the task, with which RSA compares every checkpoint.
rule train_reference:
    input:
        checkpoint=paths.CHECKPOINT.format(
            checkpoint=config["references"]["rsa"]["checkpoint"]
        ),
        task=paths.TASK,
        images=lambda wildcards: plan.images(
            [(wildcards.task, config["references"]["rsa"]["checkpoint"])]
        ),
    output:
        paths.REFERENCE,
    log:
        "<logs>/features/reference/{task}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(),
        gpu_model=resources.gpu_model(),
        mem_mb=resources.torch_memory(),
        disk_mb=disk(1000, 4),
        runtime=runtime(120),
    params:
        checkpoint=config["references"]["rsa"]["checkpoint"],
        task=lambda wildcards: wildcards.task,
        learning_rate=config["references"]["rsa"]["learning_rate"],
        settings=plan.reference_settings,
        batch_size=config["compute"]["extract_batch"],
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=digest_code(
            "ckptrank.features.reference",
            plan.source_module(config["references"]["rsa"]["checkpoint"]),
        ),
    script:
        "../scripts/features/train_reference.py"
