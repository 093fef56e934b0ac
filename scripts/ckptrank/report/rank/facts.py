"""What the pages of the rank job say of a task and of how its ranking came about."""

from collections.abc import Mapping

from ckptrank.rank.words import describe_task
from ckptrank.report.rank.frames import Ranking
from ckptrank.text import counted, duration, listed


def task_facts(facts: Mapping) -> str:
    """Return the task's size in words."""
    return describe_task(facts) if facts["train_samples"] else "the task could not be prepared"


def protocol(ranking: Ranking) -> list[tuple[str, str]]:
    """Return how the ranking came about: (what, in words)."""
    facts = ranking.facts
    titles = dict(zip(ranking.scores["measure"], ranking.scores["title"], strict=True))
    measures = listed([titles.get(name) or name for name in facts["measures"]])
    seconds = ranking.scores["seconds"].sum()
    return [
        ("Task", f"{ranking.title}: {task_facts(facts)}"),
        ("What the scores saw", facts["protocol"]),
        ("Measures", f"{measures}; a checkpoint's place is by its mean rank over them"),
        ("Intervals", _intervals(facts)),
        ("Fine-tuned", _tuned(ranking)),
        ("Spent on scores", duration(seconds) if seconds else "not recorded"),
        ("Device", facts["device"] or "not recorded"),
    ]


def _intervals(facts: Mapping) -> str:
    halves = counted(int(facts["resamples"]), "random half", "random halves")
    text = f"95\xa0%, over {halves} of the training images"
    error = facts["error"]
    if error is None:
        return (
            f"{text}; they hold the chance of the draw of images, not the faults that all measures share, "
            "which no benchmark has measured for these measures or this kind of task"
        )
    tasks = counted(error["tasks"], "task")
    return (
        f"{text}, and the measures' own error: what they missed of fine-tuned accuracies on {tasks} of finished "
        f"benchmarks ({error['pairs']:,} pairs, each task left out in turn; standard deviation {error['sd']:.2f} of the "
        f"log-odds) and the draw of {counted(int(facts['test_samples']), 'test image')}. Your networks and images may differ more"
    )


def _tuned(ranking: Ranking) -> str:
    tuned = int(ranking.ranked["tuned_accuracy"].notna().sum())
    if not tuned:
        nothing = "nothing: the ranking is from one forward pass of each checkpoint"
        return f"{nothing}, the cost from a few steps of a detector" if ranking.metric else nothing
    return f"the first {counted(tuned, 'checkpoint')}{ranking.tuned_as}, to check the order"
