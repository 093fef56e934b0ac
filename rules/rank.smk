# `snakemake rank`: an order of the checkpoints for each task, without fine-tuning and without a look at the
# test labels. With `rank.budget` the first stages see few samples and drop checkpoints (successive halving),
# so what the later ones do is only known once the earlier ones are done.
# As the rules `score_*`, on the training samples alone and with scores of their halves.
for job in rank.jobs:

    rule:
        name:
            f"rank_{job.name}"
        input:
            unpack(
                lambda wildcards, job=job: plan.score_inputs(
                    job.method,
                    wildcards.task,
                    wildcards.checkpoint,
                    rank.features(wildcards.samples),
                    paths.TRAINING_IMAGES,
                )
            ),
        output:
            paths.RANK_SCORES.replace("{job}", job.name),
        log:
            f"<logs>/rank/scores/{job.name}/{{samples}}/{{task}}/{{checkpoint}}.log",
        group:
            None if job.runs_network else get_pair_group
        conda:
            f"../envs/{job.stack}.yaml"
        resources:
            gpu=resources.gpus(job.uses_gpu),
            gpu_model=resources.gpu_model(job.uses_gpu),
            mem_mb=resources.score_memory(job.stack, 600),
            runtime=runtime(240),
        params:
            **get_score_params(job),
            checkpoint=lambda wildcards: wildcards.checkpoint,
            task=lambda wildcards: wildcards.task,
            protocol=lambda wildcards: rank.protocol(wildcards.samples),
            resamples=0 if job.runs_network else config["rank"]["resamples"],
        script:
            "../scripts/scores/score_{params.kind}.py"


checkpoint drop_checkpoints:
    input:
        scores=lambda wildcards: rank.score_files(wildcards.task, wildcards.samples),
        detectors=lambda wildcards: rank.detector_files(
            wildcards.task, wildcards.samples
        ),
    output:
        paths.KEPT,
    log:
        "<logs>/rank/order/drop/{task}/{samples}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=runtime(10),
    params:
        keep=lambda wildcards: rank.budget[wildcards.samples],
        code=digest_code("ckptrank.rank.halving"),
    script:
        "../scripts/rank/drop_checkpoints.py"


rule measure_running:
    input:
        paths.CHECKPOINT,
    output:
        paths.RUNNING,
    log:
        "<logs>/rank/running/{checkpoint}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(),
        gpu_model=resources.gpu_model(),
        mem_mb=resources.torch_memory(),
        runtime=runtime(20),
    params:
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.features.running", plan.source_module(wildcards.checkpoint)
        ),
    script:
        "../scripts/rank/measure_running.py"


# Of tasks that ask for a detector: what tuning one takes, and which checkpoints carry none.
rule measure_detector:
    input:
        checkpoint=paths.CHECKPOINT,
        task=paths.TASK,
    output:
        paths.DETECTOR_RUNNING,
    log:
        "<logs>/rank/detectors/{task}/{checkpoint}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=resources.gpus(),
        gpu_model=resources.gpu_model(),
        mem_mb=resources.torch_memory(),
        runtime=runtime(30),
    params:
        checkpoint=lambda wildcards: wildcards.checkpoint,
        task=lambda wildcards: wildcards.task,
        settings=lambda wildcards: rank.detector_settings(wildcards.task),
        device=DEVICE,
        precision=config["compute"]["precision"],
        code=lambda wildcards: digest_code(
            "ckptrank.detection.running", plan.source_module(wildcards.checkpoint)
        ),
    script:
        "../scripts/rank/measure_detector.py"


rule count_twins:
    input:
        paths.TASK,
    output:
        paths.TWINS,
    log:
        "<logs>/rank/order/twins/{task}.log",
    conda:
        "../envs/data.yaml"
    threads: get_decoding_threads
    resources:
        mem_mb=memory(1000),
        runtime=runtime(60),
    params:
        code=digest_code("ckptrank.tasks.twins"),
    script:
        "../scripts/rank/count_twins.py"


checkpoint order_checkpoints:
    input:
        unpack(lambda wildcards: rank.files_of_stages(wildcards.task)),
        task=paths.TASK,
        twins=paths.TWINS,
        cards=expand(paths.CHECKPOINT, checkpoint=plan.ranked()),
        running=expand(paths.RUNNING, checkpoint=plan.ranked()),
    output:
        order=paths.ORDER,
        scores=paths.RANK_DETAILS,
        facts=paths.RANK_FACTS,
    log:
        "<logs>/rank/order/{task}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=runtime(10),
    params:
        task=lambda wildcards: wildcards.task,
        title=lambda wildcards: plan.task_title(wildcards.task),
        candidates=lambda wildcards: rank.candidates_of_stages(wildcards.task),
        titles={name: plan.checkpoint_title(name) for name in plan.ranked()},
        measures={name: plan.measure_title(name) for name in config["rank"]["measures"]},
        protocols={samples: rank.protocol(samples) for samples in rank.stages},
        resamples=config["rank"]["resamples"],
        finetune_images=max(config["finetune"]["steps"])
        * config["finetune"]["batch_size"],
        batch_size=config["finetune"]["batch_size"],
        detector=lambda wildcards: rank.detector_of_order(wildcards.task),
        benchmark=digest_data("rank/benchmark.csv"),
        code=digest_code("ckptrank.rank.task"),
    script:
        "../scripts/rank/order_checkpoints.py"


rule explain_first:
    input:
        task=paths.TASK,
        features=get_features_of_first,
    output:
        paths.WHY,
    log:
        "<logs>/rank/order/why/{task}.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=runtime(30),
    params:
        code=digest_code("ckptrank.features.why"),
    script:
        "../scripts/rank/explain_first.py"


rule add_tuned_accuracy:
    input:
        order=paths.ORDER,
        facts=paths.RANK_FACTS,
        ground_truth=get_tuned_first,
        weights=lambda wildcards: rank.weights_of_first(
            wildcards.task, get_tuned_first(wildcards)
        ),
    output:
        ranking=paths.RANKING,
        json=paths.RANKING_JSON,
    log:
        "<logs>/rank/order/tuned/{task}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        code=digest_code("ckptrank.rank.tuned"),
    script:
        "../scripts/rank/add_tuned_accuracy.py"
