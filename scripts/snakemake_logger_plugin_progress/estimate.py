"""How far a run of the workflow is, and how long the rest may take."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean, median

from ckptrank.text import counted, duration, roughly


class Progress:
    """The state of a run, told by Snakemake's events.

    The time left is the work left divided by the number of jobs at once so far. A job to come is taken
    to last as long as the mean job of its rule, in this run or else in earlier ones; of a rule that never ran, as long
    as the median of the other rules' means, since a mean is that of the few longest wherever these come first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.total = self.done = 0
        self.started = 0.0
        self.failed: set[int] = set()
        self._planned: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._earlier: dict[str, float] = {}
        self._rules: dict[int, str] = {}
        self._stages: dict[str, str] = {}  # of rules that have begun
        self.running: dict[int, float] = {}

    def plan(self, jobs_by_rule: Mapping[str, int]) -> None:
        """Take in how many jobs of each rule are to run, ``total`` among them."""
        self._planned = Counter({rule: n for rule, n in jobs_by_rule.items() if rule != "total"})
        self.total = self._planned.total()

    def remember(self, costs: Iterable[Mapping]) -> None:
        """Take in what jobs of earlier runs took, the lines that close their logs."""
        seconds = defaultdict(list)
        for cost in costs:
            seconds[cost["rule"]].append(cost["seconds"])
        self._earlier = {rule: fmean(values) for rule, values in seconds.items()}

    def name(self, job: int, rule: str, stage: str) -> None:
        """Take in a job's rule and stage; a checkpoint of the workflow may bring jobs that were not planned."""
        self._rules[job] = rule
        self._stages[rule] = stage
        self._planned[rule] = max(self._planned[rule], list(self._rules.values()).count(rule))

    def start(self, jobs: Iterable[int]) -> None:
        now = self._clock()
        self.started = self.started or now
        self.running |= dict.fromkeys(jobs, now)

    def finish(self, job: int) -> None:
        rule = self._rules.get(job, "")
        self.done += 1
        self.failed.discard(job)
        self._finished[rule] += 1
        self._seconds[rule] += self._clock() - self.running.pop(job, self._clock())

    def fail(self, job: int) -> None:
        self.failed.add(job)
        self.running.pop(job, None)

    def share(self) -> float:
        return self.done / max(self.total, 1)

    def seconds_left(self) -> float | None:
        """Return the estimate; None while nothing is done."""
        now, worked = self._clock(), self._seconds.total()
        if not self.done or not worked:
            return None
        known = self._earlier | {
            rule: self._seconds[rule] / n for rule, n in self._finished.items()
        }
        usual = median(known.values())
        means = {rule: known.get(rule, usual) for rule in self._planned}
        begun = sum(now - since for since in self.running.values())
        left = sum(
            means[rule] * max(self._planned[rule] - self._finished[rule], 0) for rule in means
        )
        at_once = max((worked + begun) / max(now - self.started, 1e-9), 1.0)
        return max(left - begun, 0.0) / at_once

    def describe(self) -> str:
        """Return one line: jobs done, the stage at work, time so far and to come, failures first."""
        stage = self._stage()
        parts = [f"{len(self.failed)} failed"] if self.failed else []
        parts.append(f"{self.done:,} of {counted(self.total, 'job')}")
        if stage:
            rules = [rule for rule in self._planned if self._stages.get(rule) == stage]
            done, planned = (
                sum(counts[rule] for rule in rules) for counts in (self._finished, self._planned)
            )
            parts.append(f"{stage} {done:,}/{planned:,}")
        parts.append(duration(self._clock() - self.started))
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {roughly(max(left, 1))} left")
        return " · ".join(parts)

    def _stage(self) -> str:
        rules = (self._rules[job] for job in self.running if job in self._rules)
        stages = Counter(self._stages[rule] for rule in rules)
        return stages.most_common(1)[0][0] if stages else ""

    def conclude(self) -> str:
        """Return the last line: what was done and what was not."""
        text = f"{self.done:,} of {counted(self.total, 'job')} done in {duration(self._clock() - self.started)}"
        if self.failed:
            text += f"; {len(self.failed)} failed, see above and the logs"
        return text
