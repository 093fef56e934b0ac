# Every page is a result of its own, so that any number can be traced to the rule and file that made it.
# A rule's `page` is the module of ckptrank.report that writes it.
RUN_TABLES = dict(zip(EVALUATION_TABLES, plan.evaluation_files()))


rule render:
    log:
        "<logs>/report/page.log",
    group:
        "report"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    script:
        "../scripts/report/render.py"


use rule render as render_ranking with:
    input:
        summary=paths.EVALUATION.format(table="summary"),
        measures=paths.EVALUATION.format(table="measures"),
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        tasks=paths.EVALUATION.format(table="tasks"),
        families=paths.EVALUATION.format(table="families"),
    output:
        csv="<results>/report/ranking/{group}.csv",
        markdown="<results>/report/ranking/{group}.md",
        latex="<results>/report/ranking/{group}.tex",
        page=report(
            "<results>/report/ranking/{group}.html",
            caption="../reports/captions/ranking.rst",
            category="Which measures to trust",
            labels={"group": "{group}", "what": "table"},
        ),
    log:
        "<logs>/report/benchmark/ranking/{group}.log",
    params:
        group=lambda wildcards: wildcards.group,
        title=lambda wildcards: plan.group_title(wildcards.group),
        published=lambda wildcards: plan.published_beside(wildcards.group),
        members=plan.families,
        page="benchmark.ranking",
        code=digest_report("benchmark.ranking"),


use rule render as render_accuracy with:
    input:
        ground_truth=paths.EVALUATION.format(table="ground_truth"),
        checkpoints=paths.EVALUATION.format(table="checkpoints"),
        tasks=paths.EVALUATION.format(table="tasks"),
    output:
        csv="<results>/report/accuracy/{group}.csv",
        markdown="<results>/report/accuracy/{group}.md",
        latex="<results>/report/accuracy/{group}.tex",
        svg="<results>/report/accuracy/{group}.svg",
        pdf="<results>/report/accuracy/{group}.pdf",
        page=report(
            "<results>/report/accuracy/{group}.html",
            caption="../reports/captions/accuracy.rst",
            category="Ground truth",
            labels={"group": "{group}", "what": "table"},
        ),
        figure=report(
            "<results>/report/accuracy/{group}.figure.html",
            caption="../reports/captions/accuracies.rst",
            category="Ground truth",
            labels={"group": "{group}", "what": "figure"},
        ),
    log:
        "<logs>/report/benchmark/accuracy/{group}.log",
    params:
        group=lambda wildcards: wildcards.group,
        title=lambda wildcards: plan.group_title(wildcards.group),
        published=lambda wildcards: plan.published_beside(wildcards.group),
        sweep=plan.sweep_of_page,
        page="benchmark.accuracy",
        code=digest_report("benchmark.accuracy"),


use rule render as render_nleep_grid with:
    input:
        summary=paths.NLEEP_GRID.format(table="summary"),
        measures=paths.NLEEP_GRID.format(table="measures"),
    output:
        svg="<results>/report/nleep_grid.svg",
        pdf="<results>/report/nleep_grid.pdf",
        figure=report(
            "<results>/report/nleep_grid.html",
            caption="../reports/captions/nleep_grid.rst",
            category="Which measures to trust",
            labels={
                "group": ", ".join(config["nleep_grid"]["groups"]),
                "what": "N-LEEP's parameters",
            },
        ),
    log:
        "<logs>/report/benchmark/nleep_grid.log",
    params:
        page="benchmark.nleep_grid",
        code=digest_report("benchmark.nleep_grid"),


use rule render as render_scores with:
    input:
        **RUN_TABLES,
    output:
        svg="<results>/report/scores/{task}.svg",
        pdf="<results>/report/scores/{task}.pdf",
        figure=report(
            "<results>/report/scores/{task}.html",
            caption="../reports/captions/scores.rst",
            category="Scores",
            labels={"task": "{task}", "what": "score against accuracy"},
        ),
        ranks_svg="<results>/report/scores/{task}.ranks.svg",
        ranks_pdf="<results>/report/scores/{task}.ranks.pdf",
        ranks=report(
            "<results>/report/scores/{task}.ranks.html",
            caption="../reports/captions/ranks.rst",
            category="Scores",
            labels={"task": "{task}", "what": "rank intervals"},
        ),
    log:
        "<logs>/report/benchmark/scores/{task}.log",
    params:
        task=lambda wildcards: wildcards.task,
        title=lambda wildcards: plan.task_title(wildcards.task),
        group=plan.main_group,
        recommend=config["evaluation"]["recommend"],
        page="benchmark.scores",
        code=digest_report("benchmark.scores"),


use rule render as render_comparisons with:
    input:
        summary=paths.EVALUATION.format(table="summary"),
        measures=paths.EVALUATION.format(table="measures"),
        comparisons=paths.EVALUATION.format(table="comparisons"),
    output:
        svg="<results>/report/comparisons/{group}.svg",
        pdf="<results>/report/comparisons/{group}.pdf",
        figure=report(
            "<results>/report/comparisons/{group}.html",
            caption="../reports/captions/comparisons.rst",
            category="Which measures to trust",
            labels={"group": "{group}", "what": "told apart"},
        ),
    log:
        "<logs>/report/benchmark/comparisons/{group}.log",
    params:
        group=lambda wildcards: wildcards.group,
        title=lambda wildcards: plan.group_title(wildcards.group),
        page="benchmark.comparisons",
        code=digest_report("benchmark.comparisons"),


use rule render as render_quality_cost with:
    input:
        summary=paths.EVALUATION.format(table="summary"),
        measures=paths.EVALUATION.format(table="measures"),
    output:
        svg="<results>/report/quality_cost/{group}.svg",
        pdf="<results>/report/quality_cost/{group}.pdf",
        figure=report(
            "<results>/report/quality_cost/{group}.html",
            caption="../reports/captions/quality_cost.rst",
            category="Which measures to trust",
            labels={"group": "{group}", "what": "quality and cost"},
        ),
    log:
        "<logs>/report/benchmark/quality_cost/{group}.log",
    params:
        group=lambda wildcards: wildcards.group,
        title=lambda wildcards: plan.group_title(wildcards.group),
        page="benchmark.quality_cost",
        code=digest_report("benchmark.quality_cost"),


use rule render as render_findings with:
    input:
        findings=paths.EVALUATION.format(table="findings"),
    output:
        page=report(
            "<results>/report/findings.html",
            caption="../reports/captions/findings.rst",
            category="Which measures to trust",
            labels={"group": "all", "what": "the first paper's findings"},
        ),
    log:
        "<logs>/report/benchmark/findings.log",
    params:
        page="benchmark.findings",
        code=digest_report("benchmark.findings"),


use rule render as render_charts with:
    input:
        **RUN_TABLES,
    output:
        scores=report(
            "<results>/report/score_chart.html",
            caption="../reports/captions/score_chart.rst",
            category="Scores",
            labels={"task": "all", "what": "chart to explore"},
        ),
        cost=report(
            "<results>/report/cost_chart.html",
            caption="../reports/captions/cost_chart.rst",
            category="Which measures to trust",
            labels={"group": "all", "what": "chart to explore"},
        ),
    log:
        "<logs>/report/benchmark/charts.log",
    resources:
        mem_mb=memory(1500),
        runtime=runtime(10),
    params:
        groups=plan.groups,
        group=plan.main_group,
        recommend=config["evaluation"]["recommend"],
        page="benchmark.charts",
        code=digest_report("benchmark.charts"),


use rule render as render_measures with:
    input:
        **RUN_TABLES,
    output:
        pages=[
            report(
                page,
                caption="../reports/captions/method.rst",
                category="Measures",
                labels={"measure": title},
            )
            for page, title in measure_pages(plan).items()
        ],
    log:
        "<logs>/report/benchmark/measures.log",
    resources:
        mem_mb=memory(1000),
        runtime=runtime(30),
    params:
        measures=plan.table_rows,
        groups=plan.groups,
        page="benchmark.measure_pages",
        code=digest_report("benchmark.measure_pages", *described_modules(plan)),


# Comes after every stage but the pages themselves, since it reads the logs of all jobs.
use rule render as render_provenance with:
    input:
        **RUN_TABLES,
        findings=paths.EVALUATION.format(table="findings"),
        grid=[paths.NLEEP_GRID.format(table="summary")] if plan.grid_jobs else [],
    output:
        svg="<results>/report/stages.svg",
        pdf="<results>/report/stages.pdf",
        facts="<results>/report/provenance.json",
        page=report(
            "<results>/report/provenance.html",
            caption="../reports/captions/provenance.rst",
            category="Provenance",
            labels={"what": "what ran, where, for how long"},
        ),
        missing=report(
            "<results>/report/missing.html",
            caption="../reports/captions/missing.rst",
            category="Provenance",
            labels={"what": "what failed or does not apply"},
        ),
    log:
        "<logs>/report/benchmark/provenance.log",
    params:
        **run_config(config, CONFIGFILES),
        page="benchmark.provenance",
        code=digest_report("benchmark.provenance"),


use rule render as render_landing with:
    input:
        **RUN_TABLES,
        findings=paths.EVALUATION.format(table="findings"),
        comparisons=paths.EVALUATION.format(table="comparisons"),
        facts="<results>/report/provenance.json",
    output:
        page="<results>/report/landing.html",
    log:
        "<logs>/report/benchmark/landing.log",
    params:
        recommend=config["evaluation"]["recommend"],
        group=plan.main_group,
        pages=linked_pages(plan, zoo),
        measure_pages={name: f"measures/{name}.html" for name in plan.table_rows},
        task_pages={task: f"scores/{task}.ranks.html" for task in plan.tasks},
        page="benchmark.landing",
        code=digest_report("benchmark.landing"),


# The pages of the rank job.
use rule render as render_rank with:
    input:
        ranking=paths.RANKING,
        scores=paths.RANK_DETAILS,
        facts=paths.RANK_FACTS,
        why=paths.WHY,
    output:
        svg="<results>/report/rank/{task}.svg",
        pdf="<results>/report/rank/{task}.pdf",
        pareto_svg="<results>/report/rank/{task}.pareto.svg",
        pareto_pdf="<results>/report/rank/{task}.pareto.pdf",
        page=report(
            "<results>/report/rank/{task}.html",
            caption="../reports/captions/rank.rst",
            category="Your tasks",
            labels={"task": "{task}", "what": "which checkpoint to take"},
        ),
        chart=report(
            "<results>/report/rank/{task}.chart.html",
            caption="../reports/captions/rank_chart.rst",
            category="Your tasks",
            labels={"task": "{task}", "what": "rank against cost"},
        ),
    log:
        "<logs>/report/rank/{task}.log",
    params:
        page="rank.task_page",
        code=digest_report("rank.task_page"),


# Comes after every other job of the run, since it reads their logs.
use rule render as render_rank_provenance with:
    input:
        expand(paths.RANKING, task=plan.tasks),
    output:
        svg="<results>/report/rank_stages.svg",
        pdf="<results>/report/rank_stages.pdf",
        page=report(
            "<results>/report/rank_provenance.html",
            caption="../reports/captions/chapter_provenance.rst",
            category="Your tasks",
            labels={"task": "all", "what": "provenance"},
        ),
    log:
        "<logs>/report/rank/provenance.log",
    params:
        **run_config(config, CONFIGFILES),
        chapter="rank",
        page="kit.provenance",
        code=digest_report("kit.provenance"),


use rule render as render_rank_overview with:
    input:
        rankings=expand(paths.RANKING, task=plan.tasks),
        scores=expand(paths.RANK_DETAILS, task=plan.tasks),
        facts=expand(paths.RANK_FACTS, task=plan.tasks),
        pages=expand("<results>/report/rank/{task}.html", task=plan.tasks),
        provenance="<results>/report/rank_provenance.html",
    output:
        page=report(
            "<results>/report/rank.html",
            caption="../reports/captions/rank_overview.rst",
            category="Your tasks",
            labels={"task": "all", "what": "a line per task"},
        ),
    log:
        "<logs>/report/rank/overview.log",
    params:
        page="rank.overview",
        code=digest_report("rank.overview"),


# The second benchmark's chapter.
use rule render as render_model_zoo with:
    input:
        **zoo.table_files((*EXPERIMENTS, *TABLES, "label_similarity")),
        matrices=paths.MODEL_ZOO_MATRICES,
    output:
        **{
            name: report(
                f"<results>/report/model_zoo/{name}.html",
                caption="../reports/captions/model_zoo_page.rst",
                category="Choosing from a zoo",
                labels={"what": title},
            )
            for name, title in zoo.pages().items()
        },
        figures=directory("<results>/report/model_zoo/figures"),
        index=report(
            "<results>/report/model_zoo/index.html",
            caption="../reports/captions/model_zoo.rst",
            category="Choosing from a zoo",
            labels={"what": "the paper's claims"},
        ),
    log:
        "<logs>/report/model_zoo/pages.log",
    resources:
        mem_mb=memory(1500),
        disk_mb=disk(1000),
        runtime=runtime(30),
    params:
        links={"provenance.html": "What ran, with which versions, for how long"},
        page="model_zoo.chapter",
        code=digest_report("model_zoo.chapter"),


# Comes after every other job of the chapter but its pages, since it reads their logs.
use rule render_rank_provenance as render_model_zoo_provenance with:
    input:
        paths.MODEL_ZOO.format(table="claims"),
    output:
        svg="<results>/report/model_zoo/stages.svg",
        pdf="<results>/report/model_zoo/stages.pdf",
        page=report(
            "<results>/report/model_zoo/provenance.html",
            caption="../reports/captions/chapter_provenance.rst",
            category="Choosing from a zoo",
            labels={"what": "provenance"},
        ),
    log:
        "<logs>/report/model_zoo/provenance.log",
    params:
        chapter="model_zoo",


# The chapter on detection.
use rule render as render_detection with:
    input:
        **detection.table_files(),
        prepared=expand(paths.TASK, task=detection.tasks),
        detectors=detection.ground_truth_files(),
    output:
        figures=directory("<results>/report/detection/figures"),
        index=report(
            "<results>/report/detection/index.html",
            caption="../reports/captions/detection_overview.rst",
            category="Which backbone for a detector",
            labels={"what": "overview"},
        ),
        page=report(
            "<results>/report/detection/tables.html",
            caption="../reports/captions/detection.rst",
            category="Which backbone for a detector",
            labels={"what": "precisions, measures, pictures"},
        ),
    log:
        "<logs>/report/detection/page.log",
    params:
        published=detection.entry["published"],
        sweep=detection.sweep_of_page,
        links={
            "tables.html": "How well the measures rank, what fine-tuning reaches, what is found in pictures",
            "provenance.html": "What ran, with which versions, for how long",
        },
        page="detection.chapter",
        code=digest_report("detection.chapter"),


# Comes after every other job of the chapter but its page, since it reads their logs.
use rule render_rank_provenance as render_detection_provenance with:
    input:
        paths.DETECTION.format(table="summary"),
    output:
        svg="<results>/report/detection/stages.svg",
        pdf="<results>/report/detection/stages.pdf",
        page=report(
            "<results>/report/detection/provenance.html",
            caption="../reports/captions/chapter_provenance.rst",
            category="Which backbone for a detector",
            labels={"what": "provenance"},
        ),
    log:
        "<logs>/report/detection/provenance.log",
    params:
        chapter="detection",
