rule prepare_task:
    input:
        local=lambda wildcards: get_local_files(
            config["tasks"][wildcards.task],
            f"resources/tasks/{wildcards.task}/task.json",
        ),
    output:
        directory(paths.TASK),
    log:
        "<logs>/tasks/prepare/{task}.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=disk(2000, 3),
        runtime=runtime(60),
    params:
        definition=lambda wildcards: config["tasks"][wildcards.task],
        stamp=lambda wildcards: stamp_folders(config["tasks"][wildcards.task]),
        tried=lambda wildcards: find_try("tasks", wildcards.task),
        code=lambda wildcards: digest_code(
            "ckptrank.tasks.prepare", plan.task_module(wildcards.task)
        ),
    script:
        "../scripts/tasks/prepare_task.py"
