# `snakemake --cores 1 --quiet -- estimate`: what the config's benchmark costs, before it starts.
estimated = {"checkpoints ranked (snakemake benchmark)": plan}
if zoo.experts:
    estimated["model zoo (snakemake model_zoo)"] = zoo
if detection.ranked:
    estimated["detectors (snakemake detection)"] = detection
USES_GPU = bool(resources.gpus())


rule estimate:
    log:
        "<logs>/estimate.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=500,
        runtime=runtime(10),
    params:
        plans=lambda wildcards: {
            title: each.estimate_of(on_gpu=USES_GPU, local=workflow.local_exec)
            | vars(count_jobs(each, on_gpu=USES_GPU))
            for title, each in estimated.items()
        },
    script:
        "../scripts/estimate/estimate.py"
