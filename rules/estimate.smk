# `snakemake --cores 1 --quiet -- estimate`: what the config's benchmark costs, before it starts.
estimated = {"checkpoints ranked (snakemake benchmark)": plan}
if zoo.experts:
    estimated["model zoo (snakemake model_zoo)"] = zoo


rule estimate:
    log:
        "<logs>/estimate.log",
    localrule: True
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=500,
        runtime=runtime(10),
    params:
        plans={
            title: each.estimate_of(
                gpu=bool(resources.gpus()), local=workflow.local_exec
            )
            for title, each in estimated.items()
        },
    script:
        "../scripts/estimate/estimate.py"
