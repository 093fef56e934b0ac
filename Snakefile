from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "reports/workflow.rst"


# Used with `--sdm apptainer` alone: docs/cluster.md.
container: "envs/ckptrank.sif"


include: "rules/common.smk"
include: "rules/zoo.smk"
include: "rules/data.smk"
include: "rules/features.smk"
include: "rules/finetune.smk"
include: "rules/measures.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/estimate.smk"
include: "rules/common_rank.smk"
include: "rules/rank.smk"
include: "rules/rank_report.smk"
include: "rules/common_model_zoo.smk"
include: "rules/model_zoo.smk"
include: "rules/model_zoo_report.smk"


rule all:
    default_target: True
    input:
        get_report_files(),
        get_model_zoo_report_files(),


rule benchmark:
    input:
        get_evaluation_files(),


rule rank:
    input:
        [f"results/rank/{task}/ranking.csv" for task in config["select"]["tasks"]],
        "results/report/rank.html",


rule model_zoo:
    input:
        get_model_zoo_files(),
        get_model_zoo_report_files(),
