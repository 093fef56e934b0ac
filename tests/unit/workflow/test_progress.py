"""The line that follows a run: what it counts, what it guesses, what it never hides."""

import io
import logging
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_progress import LINE_SECONDS, LogHandler, describe_error
from snakemake_logger_plugin_progress.estimate import Progress

STAGES = {"finetune": "Fine-tuning sweep"}
LOG = "logs/finetune/sweep/digits/net/0.1.log"


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def begin(planned, **running):
    """A run with the given plan, whose jobs (name -> rule) have all been started."""
    progress = Progress(clock := Clock())
    progress.plan({**planned, "total": sum(planned.values())})
    for job, rule in enumerate(running.values()):
        progress.name(job, rule, STAGES.get(rule, rule))
    progress.start(range(len(running)))
    return progress, clock


def test_nothing_is_guessed_before_anything_is_done():
    progress, clock = begin({"finetune": 2}, a="finetune")
    clock.now += 5
    assert progress.seconds_left() is None
    assert progress.describe() == "0 of 2 jobs · Fine-tuning sweep 0/2 · 5.0 s"


def test_each_rule_is_guessed_by_its_own_jobs():
    progress, clock = begin({"finetune": 3, "collect": 2}, a="finetune")
    clock.now += 10
    progress.finish(0)
    progress.name(1, "collect", "Evaluation")
    progress.start([1])
    clock.now += 2
    progress.finish(1)
    assert progress.seconds_left() == pytest.approx(10 + 10 + 2)


def test_a_rule_that_never_ran_is_guessed_by_the_median_rule():
    """Fine-tuning that goes first must not make two thousand scores as long as itself."""
    progress, clock = begin({"finetune": 2, "fit": 1, "extract": 1, "score": 10}, a="fit", b="extract", c="finetune")  # fmt: skip
    for job, seconds in enumerate((1, 2, 200)):
        clock.now += seconds
        progress.finish(job)
    seconds = (1, 3, 203)  # all began at once
    left = 203 + 10 * 3
    assert progress.seconds_left() == pytest.approx(left / (sum(seconds) / 203))


def test_what_earlier_runs_took_is_remembered_until_this_one_knows():
    progress, clock = begin({"finetune": 3, "score": 4}, a="finetune")
    progress.remember([{"rule": "score", "seconds": 1.0}, {"rule": "score", "seconds": 3.0}, {"rule": "finetune", "seconds": 99.0}])  # fmt: skip
    clock.now += 10
    progress.finish(0)
    assert progress.seconds_left() == pytest.approx(2 * 10 + 4 * 2)


def test_jobs_at_once_share_the_work():
    progress, clock = begin({"finetune": 6}, a="finetune", b="finetune")
    clock.now += 10
    progress.finish(0)
    progress.finish(1)
    assert progress.seconds_left() == pytest.approx(4 * 10 / 2)


def test_running_jobs_count_for_what_they_have_done():
    progress, clock = begin({"finetune": 2}, a="finetune")
    clock.now += 10
    progress.finish(0)
    progress.name(1, "finetune", STAGES["finetune"])
    progress.start([1])
    clock.now += 4
    assert progress.seconds_left() == pytest.approx(6)
    clock.now += 60
    assert progress.seconds_left() == 0


def test_a_job_that_succeeds_at_last_has_not_failed():
    progress, clock = begin({"finetune": 2}, a="finetune", b="finetune")
    progress.fail(0)
    progress.fail(1)
    clock.now += 90
    assert progress.describe().startswith("2 failed · 0 of 2 jobs")
    progress.start([0])
    progress.finish(0)
    assert progress.conclude() == "1 of 2 jobs done in 1 min 30 s; 1 failed, see above and the logs"


def handler(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    settings = SimpleNamespace(printshellcmds=False, quiet=None)
    return LogHandler(settings, None), stream


def tell(handler, level=logging.INFO, message="", **fields):
    record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    vars(record).update(fields)
    handler.handle(record)


def run_one_job(handler):
    tell(handler, event=LogEvent.RUN_INFO, stats={"x_tune": 1, "total": 1})
    tell(handler, message="Select jobs to execute...")
    tell(handler, event=LogEvent.JOB_INFO, jobid=7, rule_name="x_tune", log=[LOG])
    tell(handler, event=LogEvent.JOB_STARTED, jobs=[7])


def test_a_terminal_gets_one_line_that_changes(monkeypatch):
    handled, stream = handler(monkeypatch, terminal=True)
    run_one_job(handled)
    tell(handled, logging.ERROR, "it broke\nand this is why")
    tell(handled, event=LogEvent.JOB_FINISHED, job_id=7)
    handled.close()
    written = stream.getvalue()
    assert "Select jobs" not in written
    assert "\r░" in written
    assert "0 of 1 job · Fine-tuning sweep 0/1" in written
    assert "\r\x1b[Kit broke\nand this is why\n" in written
    assert written.splitlines()[-1].lstrip("\r\x1b[K").startswith("1 of 1 job done in")


def test_elsewhere_lines_are_few_and_errors_whole(monkeypatch):
    handled, stream = handler(monkeypatch, terminal=False)
    run_one_job(handled)
    for _ in range(50):
        tell(handled, message="Provided cores: 2")
    tell(handled, logging.WARNING, "a warning")
    handled.written -= 2 * LINE_SECONDS
    tell(handled, event=LogEvent.PROGRESS, done=0, total=1)
    tell(handled, event=LogEvent.JOB_FINISHED, job_id=7)
    handled.close()
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["1 job to run", "a warning"]
    assert lines[2].startswith("0 of 1 job · Fine-tuning sweep")
    assert lines[3].startswith("1 of 1 job done in")
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("content", "room", "reason"),
    [
        ("", 0, "The log has no end: the disk is full."),
        (
            "step 3 of 10\n",
            10**9,
            "The log has no end: it was killed, most often for want of memory.",
        ),
        ('Traceback\njob: {"rule": "finetune"}\n', 10**9, ""),
    ],
)
def test_a_failed_job_whose_log_has_no_end_says_why(tmp_path, monkeypatch, content, room, reason):
    log = tmp_path / LOG
    log.parent.mkdir(parents=True)
    log.write_text(content)
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=room))
    text = f"Error in rule finetune:\n    message: None\n    log: {log}"
    told = describe_error(text, [str(log), str(tmp_path / "other.log")])
    expected = f"Error in rule finetune:\n    log: {log}"
    assert told == (f"{expected}\n    {reason}" if reason else expected)
    assert "None" in describe_error("    message: None of them\n", [])


def test_nothing_to_do_is_said(monkeypatch):
    handled, stream = handler(monkeypatch, terminal=False)
    tell(handled, message="Nothing to be done (all requested files are present and up to date).")
    handled.close()
    assert stream.getvalue() == "Everything is up to date.\n"


def test_snakemake_finds_it_and_keeps_reasons_and_status(tmp_path):
    (tmp_path / "Snakefile").write_text(
        'rule all:\n    input: "good", "bad"\n'
        'rule finetune:\n    output: "good"\n    shell: "touch {output}"\n'
        'rule pretrain:\n    output: "bad"\n    log: "bad.log"\n'
        '    shell: "echo the reason > {log}; exit 3"\n'
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--logger", "progress", "--cores", "1"),
            *("--keep-going", "--show-failed-logs", "--directory", str(tmp_path)),
            *("--snakefile", str(tmp_path / "Snakefile")),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "3 jobs to run" in done.stderr
    assert "Error in rule pretrain" in done.stderr
    assert "the reason" in done.stderr
    assert re.search(r"^1 of 3 jobs done in .*; 1 failed", done.stderr, re.MULTILINE)
    assert "Select jobs" not in done.stderr
