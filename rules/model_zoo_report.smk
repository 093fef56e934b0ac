# The second benchmark's selection experiments and its chapter of the report.
from ckptrank.model_zoo.names import POOL_TITLES, list_pages

ZOO_EXPERIMENTS = [
    *("gains", "trials", "correlations", "averages", "cost", "ablation", "claims"),
    *("errors", "expert_gains", "shot_averages", "similarity_averages"),
]


def get_model_zoo_pools():
    """The kinds of networks of which two experts or more are fine-tuned: each is chosen from by itself."""
    experts = describe_experts(config)
    networks = [experts[name]["network"] for name in ZOO["checkpoints"]]
    known = [network for network in POOL_TITLES if networks.count(network) > 1]
    return known if ZOO["checkpoints"] else ["single"]


def get_model_zoo_pages():
    """Name -> title of the chapter's pages."""
    return list_pages(get_model_zoo_pools())


def get_model_zoo_report_files():
    return ["results/report/model_zoo/index.html"] if ZOO["checkpoints"] else []


rule evaluate_model_zoo:
    input:
        **{
            table: f"results/model_zoo/{table}.csv"
            for table in [*ZOO_TABLES, "label_similarity"]
        },
    output:
        **{name: f"results/model_zoo/{name}.csv" for name in ZOO_EXPERIMENTS},
    log:
        "logs/evaluate_model_zoo.log",
    benchmark:
        "results/benchmarks/evaluate_model_zoo.tsv"
    conda:
        "../envs/report.yaml"
    envmodules:
        "ckptrank/report",
    threads: 1
    resources:
        mem_mb=get_memory(2000, 10),
        disk_mb=get_disk(1000, 0),
        runtime=get_runtime(60),
    params:
        cap=ZOO_MAIN_CAP,
        reference="",
        consensus=config["evaluation"]["consensus"],
        bootstrap=config["evaluation"]["bootstrap"],
        code=digest_code("evaluate_model_zoo.py"),
    script:
        "../scripts/evaluate_model_zoo.py"


rule render_model_zoo:
    input:
        **{
            table: f"results/model_zoo/{table}.csv"
            for table in [*ZOO_EXPERIMENTS, *ZOO_TABLES, "label_similarity"]
        },
    output:
        **{
            name: report(
                f"results/report/model_zoo/{name}.html",
                caption="../reports/captions/model_zoo_page.rst",
                category="Choosing from a zoo",
                labels={"what": inert(title)},
            )
            for name, title in get_model_zoo_pages().items()
        },
        figures=directory("results/report/model_zoo/figures"),
        index=report(
            "results/report/model_zoo/index.html",
            caption="../reports/captions/model_zoo.rst",
            category="Choosing from a zoo",
            labels={"what": "the paper's claims"},
        ),
    log:
        "logs/render_model_zoo.log",
    benchmark:
        "results/benchmarks/render_model_zoo.tsv"
    conda:
        "../envs/report.yaml"
    envmodules:
        "ckptrank/report",
    threads: 1
    resources:
        mem_mb=get_memory(1500),
        disk_mb=get_disk(1000, 0),
        runtime=get_runtime(30),
    params:
        code=digest_report("render_model_zoo.py"),
    script:
        "../scripts/render_model_zoo.py"
