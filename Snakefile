from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "reports/workflow.rst"


include: "rules/common.smk"
include: "rules/zoo.smk"
include: "rules/data.smk"
include: "rules/features.smk"
include: "rules/finetune.smk"
include: "rules/measures.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        get_report_files(),


rule benchmark:
    input:
        get_evaluation_files(),
