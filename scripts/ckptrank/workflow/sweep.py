"""The jobs of a fine-tuning sweep: which learning rates and step budgets each of them runs."""

from collections.abc import Mapping
from dataclasses import dataclass

CONSTANT, STEP = "constant", "step"


@dataclass(frozen=True)
class SweepJob:
    """A job that fine-tunes a pair at each of ``learning_rates`` for as many steps as the last budget.

    ``steps``: the budgets that are read off each of these runs.
    """

    learning_rates: list[float]
    steps: list[int]

    @property
    def trained_steps(self) -> int:
        """How many steps all its runs train."""
        return len(self.learning_rates) * max(self.steps)

    @property
    def tests(self) -> int:
        """How often its runs are tested."""
        return len(self.learning_rates) * len(self.steps)


def list_sweep_jobs(finetune: Mapping) -> dict[str, SweepJob]:
    """Return name -> job of the config's ``finetune`` entry.

    With a constant rate a run gives the accuracy at all budgets. With a rate that decays, a run belongs
    to one budget, and each budget has jobs of its own: it is lost alone, and added alone.
    """
    budgets = finetune["steps"]
    if finetune["schedule"] == CONSTANT:
        parts = _share_out(finetune, max(budgets))
        return {name: SweepJob(part, budgets) for name, part in parts.items()}
    return {
        f"{name}-{steps}": SweepJob(part, [steps])
        for steps in budgets
        for name, part in _share_out(finetune, steps).items()
    }


def _share_out(finetune: Mapping, steps: int) -> dict[str, list[float]]:
    """Return name -> learning rates of each job whose runs train so many steps."""
    rates, size = finetune["learning_rates"], finetune["learning_rates_per_job"]
    if finetune["steps_per_job"] is not None:
        size = max(1, min(size, finetune["steps_per_job"] // steps))
    parts = [rates[start : start + size] for start in range(0, len(rates), size)]
    return {"_".join(map(str, part)): part for part in parts}
