"""Print what the config's benchmark will cost."""

import sys
from pathlib import Path

from ckptrank.jobs.log import run_job
from ckptrank.workflow.estimate import Plan, estimate, find_pace, format_estimate

with run_job(snakemake):
    # Beside the logs lie the results of earlier runs, where there are any.
    root = Path(snakemake.log[0]).parents[1]
    plans = {title: Plan(**plan) for title, plan in snakemake.params.plans.items()}
    text = "\n\n".join(
        f"{title}\n{format_estimate(estimate(plan, root, None if plan.gpu else find_pace()))}"
        for title, plan in plans.items()
    )
    print(text)
    # On the terminal too, where whoever has asked can see it.
    print(text, file=sys.__stdout__, flush=True)
