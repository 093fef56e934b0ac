"""Which tasks of a benchmark are another one's, with fewer images."""

import re
from collections.abc import Iterable


def without_few_shot(tasks: Iterable[str]) -> list[str]:
    """Return the tasks but few-shot versions (`objects-20`) of others among them, whose images are the same."""
    known = list(tasks)
    return [task for task in known if task == _base(task) or _base(task) not in known]


def _base(task: str) -> str:
    return re.sub(r"-\d+$", "", task)
