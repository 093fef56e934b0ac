rule collect:
    input:
        checkpoints=expand(paths.CHECKPOINT, checkpoint=plan.tuned),
        tasks=expand(paths.TASK, task=plan.tasks),
        ground_truth=plan.ground_truth_files(),
        weights=plan.weights_beside(plan.ground_truth_files()),
        scores=plan.score_files(plan.measure_jobs),
        gathered=plan.gathered_files(),
        orders=expand(paths.ORDER, task=plan.ordered_tasks),
    output:
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        tasks=paths.EVALUATION.format(table="tasks"),
        ground_truth=paths.EVALUATION.format(table="ground_truth"),
        measures=paths.EVALUATION.format(table="measures"),
        scores="<results>/collected/scores.csv",
    log:
        "<logs>/evaluation/collect.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=runtime(30),
    params:
        groups={
            group: [*plan.members(group), *plan.members(group, "unranked")]
            for group in plan.groups
        },
        task_titles={
            task: config["tasks"][task].get("title", task) for task in plan.tasks
        },
        task_sources={task: config["tasks"][task]["source"] for task in plan.tasks},
        measures=plan.measure_table(plan.measure_jobs, config["select"]["measures"]),
        pooled=plan.pooled,
        ordered=plan.ordered_tasks,
        consensus=config["evaluation"]["consensus"],
        accuracy=config["evaluation"]["accuracy"],
        protocol=config["protocol"],
        code=digest_code("ckptrank.evaluation.collect"),
    script:
        "../scripts/evaluation/collect.py"


rule evaluate:
    input:
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        ground_truth=paths.EVALUATION.format(table="ground_truth"),
        measures=paths.EVALUATION.format(table="measures"),
        scores="<results>/collected/scores.csv",
    output:
        scores=paths.EVALUATION.format(table="scores"),
        metrics=paths.EVALUATION.format(table="metrics"),
        summary=paths.EVALUATION.format(table="summary"),
        comparisons=paths.EVALUATION.format(table="comparisons"),
        families=paths.EVALUATION.format(table="families"),
    log:
        "<logs>/evaluation/evaluate.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2000, 10),
        runtime=runtime(60),
    params:
        groups={group: plan.members(group) for group in plan.groups},
        consensus=config["evaluation"]["consensus"],
        bootstrap=config["evaluation"]["bootstrap"],
        families=plan.families,
        code=digest_code("ckptrank.evaluation.evaluate", "ckptrank.evaluation.tables"),
    script:
        "../scripts/evaluation/evaluate.py"


rule judge_findings:
    input:
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        ground_truth=paths.EVALUATION.format(table="ground_truth"),
        measures=paths.EVALUATION.format(table="measures"),
        scores=paths.EVALUATION.format(table="scores"),
    output:
        findings=paths.EVALUATION.format(table="findings"),
    log:
        "<logs>/evaluation/judge_findings.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(2000, 10),
        runtime=runtime(30),
    params:
        groups={group: plan.members(group) for group in plan.groups},
        bootstrap=config["evaluation"]["bootstrap"],
        code=digest_code("ckptrank.evaluation.findings", "ckptrank.evaluation.tables"),
    script:
        "../scripts/evaluation/judge_findings.py"


rule collect_nleep_grid:
    input:
        scores=plan.score_files(plan.grid_jobs, config["nleep_grid"]["groups"]),
    output:
        scores=paths.NLEEP_GRID.format(table="collected"),
        measures=paths.NLEEP_GRID.format(table="measures"),
    log:
        "<logs>/evaluation/collect_nleep_grid.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=runtime(30),
    params:
        measures=plan.measure_table(plan.grid_jobs),
        protocol=config["protocol"],
        code=digest_code("ckptrank.evaluation.collect"),
    script:
        "../scripts/evaluation/collect_nleep_grid.py"


use rule evaluate as evaluate_nleep_grid with:
    input:
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        ground_truth=paths.EVALUATION.format(table="ground_truth"),
        measures=paths.NLEEP_GRID.format(table="measures"),
        scores=paths.NLEEP_GRID.format(table="collected"),
    output:
        scores=paths.NLEEP_GRID.format(table="scores"),
        metrics=paths.NLEEP_GRID.format(table="metrics"),
        summary=paths.NLEEP_GRID.format(table="summary"),
    log:
        "<logs>/evaluation/evaluate_nleep_grid.log",
    params:
        groups={group: plan.members(group) for group in config["nleep_grid"]["groups"]},
        consensus=[],
        bootstrap=0,
        families={},
        code=digest_code("ckptrank.evaluation.evaluate", "ckptrank.evaluation.tables"),
