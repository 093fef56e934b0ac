rule prepare_checkpoint:
    input:
        run=lambda wildcards: plan.run_of(wildcards.checkpoint),
        local=lambda wildcards: get_local_files(
            config["checkpoints"][wildcards.checkpoint],
            f"resources/checkpoints/{wildcards.checkpoint}/card.json",
        ),
    output:
        directory(paths.CHECKPOINT),
    log:
        "<logs>/checkpoints/{checkpoint}.log",
    group:
        "checkpoint"
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=resources.torch_memory(),
        disk_mb=disk(2000, 1),
        runtime=runtime(60),
    params:
        name=lambda wildcards: wildcards.checkpoint,
        definition=lambda wildcards: config["checkpoints"][wildcards.checkpoint],
        tried=lambda wildcards: find_try("checkpoints", wildcards.checkpoint),
        own_code=lambda wildcards: hash_code(
            config["checkpoints"][wildcards.checkpoint]
        ),
        code=lambda wildcards: digest_code(
            "ckptrank.checkpoints.prepare",
            plan.source_module(wildcards.checkpoint),
        ),
    script:
        "../scripts/checkpoints/prepare_checkpoint.py"
