from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# The config of the working directory, where this is no module of another workflow: it says what differs from
# the config.yaml beside this file, and so does --configfile.
if workflow.modifier.is_main_snakefile() and Path("config.yaml").exists():

    configfile: "config.yaml"


report: "reports/workflow.rst"


# Used with `--sdm apptainer` alone: docs/cluster.md.
container: "envs/ckptrank.sif"


include: "rules/common.smk"
include: "rules/builtin.smk"
include: "rules/tasks.smk"
include: "rules/checkpoints.smk"
include: "rules/features.smk"
include: "rules/finetune.smk"
include: "rules/scores.smk"
include: "rules/evaluation.smk"
include: "rules/rank.smk"
include: "rules/model_zoo.smk"
include: "rules/detection.smk"
include: "rules/report.smk"
include: "rules/estimate.smk"


onstart:
    tell_of_accounting()
    if workflow.local_exec:
        # There is no rate of submission to keep here. For its sake Snakemake 9 goes through all ready jobs once more a
        # second after each time that it did, and so without end: with thousands of jobs a core did little else.
        workflow.scheduler.job_rate_limiter = None
        # Jobs of this Python start by a fork of a process that has imported what they import.
        if not workflow.deployment_settings.deployment_method:
            shell.prefix(start_fork_server())


rule all:
    default_target: True
    input:
        report_files(plan),
        model_zoo_report_files(zoo),


rule benchmark:
    input:
        plan.evaluation_files(),
        paths.EVALUATION.format(table="findings"),


rule rank:
    input:
        expand(paths.RANKING, task=plan.tasks),
        "<results>/report/rank.html",


rule model_zoo:
    input:
        zoo.files(),
        model_zoo_report_files(zoo),


rule detection:
    input:
        detection.files(),
        detection.pages(),
