# The pages of the rank job.
rule render_rank:
    input:
        ranking="results/rank/{task}/ranking.csv",
        scores="results/rank/{task}/scores.csv",
        facts="results/rank/{task}/facts.json",
    output:
        svg="results/report/rank/{task}.svg",
        pdf="results/report/rank/{task}.pdf",
        page=report(
            "results/report/rank/{task}.html",
            caption="../reports/captions/rank.rst",
            category="Your tasks",
            labels={"task": "{task}", "what": "which checkpoint to take"},
        ),
        chart=report(
            "results/report/rank/{task}.chart.html",
            caption="../reports/captions/rank_chart.rst",
            category="Your tasks",
            labels={"task": "{task}", "what": "rank against cost"},
        ),
    log:
        "logs/render_rank/{task}.log",
    benchmark:
        "results/benchmarks/render_rank/{task}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=get_memory(1000),
        runtime=get_runtime(10),
    params:
        code=digest_report("render_rank.py"),
    script:
        "../scripts/render_rank.py"


rule render_rank_overview:
    input:
        rankings=expand(
            "results/rank/{task}/ranking.csv", task=config["select"]["tasks"]
        ),
        scores=expand("results/rank/{task}/scores.csv", task=config["select"]["tasks"]),
        facts=expand("results/rank/{task}/facts.json", task=config["select"]["tasks"]),
        pages=expand("results/report/rank/{task}.html", task=config["select"]["tasks"]),
    output:
        report(
            "results/report/rank.html",
            caption="../reports/captions/rank_overview.rst",
            category="Your tasks",
            labels={"task": "all", "what": "a line per task"},
        ),
    log:
        "logs/render_rank_overview.log",
    benchmark:
        "results/benchmarks/render_rank_overview.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=get_memory(1000),
        runtime=get_runtime(10),
    params:
        code=digest_report("render_rank_overview.py"),
    script:
        "../scripts/render_rank_overview.py"
