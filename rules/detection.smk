# The first paper's appendix A.6: which backbone for a detector. The ground truth is its average precision after
# fine-tuning; the measures see features of whole images, and of the objects in them.
#
# On processors both views of a pair are one job of the cluster. With GPUs each is a job of its own, as in features.smk.
GATHERS_VIEWS = EXTRACTION_GROUP is not None and len(detection.entry["views"]) > 1


rule extract_objects:
    input:
        checkpoint=paths.CHECKPOINT,
        task=paths.TASK,
    output:
        paths.OBJECT_FEATURES,
    log:
        "<logs>/detection/features/{task}/{checkpoint}.log",
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
        checkpoint=lambda wildcards: wildcards.checkpoint,
        task=lambda wildcards: wildcards.task,
        sizes={key: detection.entry[key] for key in ("strides", "min_size", "max_size")},
        batch_size=detection.entry["extract_batch"],
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.detection.object_features",
            plan.source_module(wildcards.checkpoint),
        ),
    script:
        "../scripts/detection/extract_objects.py"


# As `gather_scores` of scores.smk: these make no file of worth, and connect what travels together.
if GATHERS_VIEWS:

    rule gather_views:
        input:
            lambda wildcards: detection.views_of_pair(
                wildcards.task, wildcards.checkpoint
            ),
        output:
            touch(paths.GATHERED_VIEWS),
        group:
            get_pair_group
        resources:
            mem_mb=100,
            runtime=runtime(5),


rule gather_detection_scores:
    input:
        lambda wildcards: detection.scores_of_task(wildcards.task),
    output:
        touch(paths.GATHERED_DETECTION_SCORES),
    group:
        get_task_group
    resources:
        mem_mb=100,
        runtime=runtime(5),


rule finetune_detector:
    input:
        checkpoint=paths.CHECKPOINT,
        task=paths.TASK,
    output:
        paths.DETECTOR_SWEEP,
    log:
        "<logs>/detection/finetune/{task}/{checkpoint}/{detector_rates}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(),
        gpu_model=resources.gpu_model(),
        mem_mb=resources.torch_memory(),
        runtime=lambda wildcards, attempt: detection_resources.sweep_runtime(
            DETECTOR_COST * detection.sweep[wildcards.detector_rates].trained_steps
        )(wildcards, attempt),
    params:
        checkpoint=lambda wildcards: wildcards.checkpoint,
        task=lambda wildcards: wildcards.task,
        learning_rates=lambda wildcards: detection.sweep[
            wildcards.detector_rates
        ].learning_rates,
        settings=lambda wildcards: detection.settings(
            wildcards.task, wildcards.detector_rates
        ),
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.detection.tune", plan.source_module(wildcards.checkpoint)
        ),
    script:
        "../scripts/detection/finetune_detector.py"


rule select_detector:
    input:
        checkpoint=paths.CHECKPOINT,
        task=paths.TASK,
        sweep=lambda wildcards: detection.sweep_files(
            wildcards.task, wildcards.checkpoint
        ),
    output:
        paths.DETECTOR,
    log:
        "<logs>/detection/repeats/{task}/{checkpoint}.log",
    group:
        None if detection.trains_repeats else "report"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(detection.trains_repeats),
        gpu_model=resources.gpu_model(detection.trains_repeats),
        mem_mb=resources.torch_memory(),
        runtime=(
            detection_resources.sweep_runtime(DETECTOR_COST * detection.repeated_steps)
            if detection.trains_repeats
            else runtime(10)
        ),
    params:
        checkpoint=lambda wildcards: wildcards.checkpoint,
        task=lambda wildcards: wildcards.task,
        repeats=detection.entry["finetune"]["repeats"],
        settings=lambda wildcards: detection.settings(wildcards.task),
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.finetune.ground_truth",
            "ckptrank.detection.tune",
            plan.source_module(wildcards.checkpoint),
        ),
    script:
        "../scripts/detection/select_detector.py"


# A job per pair tunes a detector and stops it early: what no view's features give.
if detection.early_job:

    rule score_detector:
        input:
            checkpoint=paths.CHECKPOINT,
            task=paths.TASK,
        output:
            paths.DETECTOR_STOPPED_EARLY,
        log:
            "<logs>/detection/early_stopped/{task}/{checkpoint}.log",
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=resources.gpus(),
            gpu_model=resources.gpu_model(),
            mem_mb=resources.torch_memory(),
            runtime=runtime(detection.early_job.minutes),
        params:
            **detection.early_job.params,
            checkpoint=lambda wildcards: wildcards.checkpoint,
            task=lambda wildcards: wildcards.task,
            settings=lambda wildcards: detection.early_settings(wildcards.task),
            protocol=config["protocol"],
            device=DEVICE,
            precision=config["compute"]["precision"],
            code=lambda wildcards: digest_code(
                "ckptrank.detection.early",
                plan.source_module(wildcards.checkpoint),
                without=("ckptrank.measures.registry",),
            ),
        script:
            "../scripts/detection/score_detector.py"


# A job per view and method scores all checkpoints on a task.
for view in detection.entry["views"]:
    for job in detection.jobs:

        rule:
            name:
                f"score_{view}_{job.name}"
            input:
                lambda wildcards, view=view: detection.score_inputs(
                    view, wildcards.task
                ),
            output:
                paths.DETECTION_SCORES.replace("{view}", view).replace(
                    "{job}", job.name
                ),
            log:
                f"<logs>/detection/scores/{view}/{job.name}/{{task}}.log",
            group:
                get_task_group
            conda:
                f"../envs/{job.stack}.yaml"
            resources:
                gpu=resources.gpus(job.uses_gpu),
                gpu_model=resources.gpu_model(job.uses_gpu),
                mem_mb=config["compute"]["worker_memory_mb"],
                disk_mb=disk(1000),
                runtime=runtime(240),
            params:
                **get_score_params(job),
                pairs=lambda wildcards: detection.pairs(wildcards.task),
                protocol=config["protocol"],
            script:
                "../scripts/scores/score_{params.kind}_pairs.py"


rule collect_detection:
    input:
        **detection.score_files(),
        checkpoints=expand(paths.CHECKPOINT, checkpoint=detection.tuned),
        tasks=expand(paths.TASK, task=detection.tasks),
        ground_truth=detection.ground_truth_files(),
        gathered=detection.gathered_files(pairs=GATHERS_VIEWS),
    output:
        **detection.table_files(),
    log:
        "<logs>/detection/evaluation/collect.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000, 2),
        disk_mb=disk(1000),
        runtime=runtime(30),
    params:
        **detection.collected,
        code=digest_code("ckptrank.detection.collect"),
    script:
        "../scripts/detection/collect_detection.py"
