"""The selection experiments of the second benchmark, a table each, and its four claims."""

from pathlib import Path

from ckptrank.files import atomic_path
from ckptrank.log import run_job
from ckptrank.model_zoo.ablation import tabulate_ablation
from ckptrank.model_zoo.claims import judge_claims
from ckptrank.model_zoo.comparison import compare
from ckptrank.model_zoo.cost import tabulate_costs
from ckptrank.model_zoo.experts import compare_experts, tabulate_errors
from ckptrank.model_zoo.pools import list_pools
from ckptrank.model_zoo.selection import tabulate_averages, tabulate_gains, tabulate_metric
from ckptrank.model_zoo.shots import average_errors
from ckptrank.model_zoo.similarity import average_similarity
from ckptrank.model_zoo.tables import read_tables

with run_job(snakemake) as log:
    params = snakemake.params
    tables = read_tables(Path(snakemake.input.checkpoints).parent)
    pools = list_pools(tables.checkpoints, tables.ground_truth, reference=params.reference)
    number = params.bootstrap
    comparisons = [
        compare(tables, pool, consensus=params.consensus, bootstrap=number) for pool in pools
    ]
    results = {
        "gains": tabulate_gains(comparisons),
        "trials": tabulate_metric(comparisons, "trials_to_best", "trials"),
        "correlations": tabulate_metric(comparisons, "spearman", "spearman"),
        "averages": tabulate_averages(comparisons),
        "cost": tabulate_costs(comparisons),
        "ablation": tabulate_ablation(tables, pools, bootstrap=number),
        "claims": judge_claims(comparisons, tables.measures, tables.shots, bootstrap=number),
        "errors": tabulate_errors(tables, pools),
        "expert_gains": compare_experts(tables.checkpoints, bootstrap=number),
        "shot_averages": average_errors(tables.shots, bootstrap=number),
        "similarity_averages": average_similarity(tables.similarity, bootstrap=number),
    }
    for name, table in results.items():
        with atomic_path(snakemake.output[name]) as path:
            table.to_csv(path, index=False)
        log.info("%s: %d rows", name, len(table))
