"""Each fault that a cluster knows, and after it a plain rerun: the same results, nothing made twice."""

import re
import shutil
import signal
import time
from dataclasses import replace

import pytest
from tests.support.flows import find_scripts, thaw
from tests.support.throwaway import wait_until

pytestmark = pytest.mark.cluster

TARGETS = [f"results/ground_truth/tiny/tiny-{stage}.json" for stage in ("50", "100")]


def expect_undisturbed(flow, undisturbed, before):
    """A plain rerun has nothing left to do or finishes; what was done before it stays as it was."""
    flow.run(*TARGETS)
    assert "Nothing to be done" in flow.run("--dry-run", *TARGETS)
    expected = undisturbed.results()
    assert {name: expected[name] for name in flow.results()} == flow.results()
    assert all(target in flow.results() for target in TARGETS)
    after = flow.finished_at()
    assert [name for name, time in before.items() if after[name] != time] == []


def wait_for_other(flow, job):
    """Wait until Snakemake and Slurm hold the job that is not frozen for done; return when it wrote what."""
    wait_until(lambda: "Finished jobid" in flow.said, 90, "the job beside the frozen one")
    # A daemon that dies in between would leave it to Slurm as one that runs, for minutes.
    wait_until(lambda: read_states(flow) == ["COMPLETED", "RUNNING"], 60, "Slurm to see its end")
    done = [name for name in flow.finished_at() if name in TARGETS]
    assert len(done) == 1
    return {
        name: time
        for name, time in flow.finished_at().items()
        if not name.startswith("results/finetune") or done[0].split("/")[-1][:-5] in name
    }


def states(flow):
    """How the jobs ended; Snakemake may see results a moment before Slurm sees the end."""
    wait_until(lambda: not {"RUNNING", "COMPLETING"} & {*read_states(flow)}, 60, "the jobs' end")
    return read_states(flow)


def read_states(flow):
    return sorted(job["JobState"] for job in flow.submitted())


def test_a_job_cancelled_from_outside_is_submitted_again(flow, undisturbed):
    with flow.frozen("finetune_whole", *TARGETS) as (process, job):
        before = wait_for_other(flow, job)
        flow.cluster.ask("scancel", job["JobId"])
        flow.finish(process)
    assert states(flow) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    expect_undisturbed(flow, undisturbed, before)
    assert len(states(flow)) == 3


def test_a_job_whose_node_dies_is_submitted_again(flow, undisturbed):
    with flow.frozen("finetune_whole", *TARGETS) as (process, job):
        before = wait_for_other(flow, job)
        flow.cluster.crash_node("c1", job["JobId"])
        # Only of jobs older than its timeouts does Slurm find at once that a node came back without them.
        time.sleep(30)
        flow.cluster.start_node("c1")
        flow.cluster.wait_for_nodes()
        flow.finish(process)
    assert states(flow) == ["COMPLETED", "COMPLETED", "NODE_FAIL"]
    expect_undisturbed(flow, undisturbed, before)


def test_jobs_outlive_the_controller_and_a_node_daemon_and_a_second_workflow_is_refused(
    flow, undisturbed
):
    with flow.frozen("finetune_whole", *TARGETS) as (process, job):
        before = wait_for_other(flow, job)
        for daemon, start in (
            ("slurmctld", flow.cluster.start_controller),
            ("c1", lambda: flow.cluster.start_node("c1")),
        ):
            flow.cluster.kill(daemon)
            start()
        flow.cluster.wait_for_nodes()
        assert "Directory cannot be locked" in replace(flow, log="second.log").run(
            *TARGETS, check=False
        )
        thaw(job)
        flow.finish(process)
    assert states(flow) == ["COMPLETED", "COMPLETED"]
    expect_undisturbed(flow, undisturbed, before)


def test_ctrl_c_cancels_the_jobs_and_a_second_start_resumes(flow, undisturbed):
    with flow.frozen("finetune_whole", *TARGETS) as (process, job):
        before = wait_for_other(flow, job)
        process.send_signal(signal.SIGINT)
        assert flow.finish(process, check=False) != 0
        wait_until(lambda: not find_scripts(job["JobId"]), 30, "the job to be cancelled")
    assert states(flow) == ["CANCELLED", "COMPLETED"]
    expect_undisturbed(flow, undisturbed, before)
    assert states(flow) == ["CANCELLED", "COMPLETED", "COMPLETED"]


def test_a_job_over_its_memory_is_given_more(flow, undisturbed):
    """Snakemake twice and PyTorch take some 800 MB; the first attempts ask for less."""
    before = flow.finished_at()
    scant = replace(flow, changes={"compute": {"worker_memory_mb": 500}})
    scant.run(TARGETS[0])
    jobs = flow.submitted()
    assert 2 <= len(jobs) <= 3
    assert [job["JobState"] == "COMPLETED" for job in jobs] == [False] * (len(jobs) - 1) + [True]
    asked = [int(re.search(r"mem=(\d+)M", job["TRES"])[1]) for job in jobs]
    assert asked == sorted(set(asked))
    expect_undisturbed(flow, undisturbed, before)


def test_a_job_over_its_time_is_given_more(undisturbed, overtime):
    """Begun before all other tests, since no time limit is shorter than a minute."""
    flow, process = overtime
    flow.finish(process)
    assert [job["JobState"] for job in flow.submitted()] == ["TIMEOUT", "COMPLETED"]
    expect_undisturbed(flow, undisturbed, flow.finished_at())


def test_a_cluster_without_accounting_is_noticed_at_the_start(flow):
    """`sacct`, which is asked by default, cannot answer here, and nobody said to ask `squeue`."""
    shutil.rmtree(flow.folder / "resources/tasks/tiny")
    first = replace(flow, status_command=None)
    first.finish(first.start("resources/tasks/tiny"), seconds=120)
    assert "`slurm-status-command: squeue`" in first.said
    assert first.said.count("keeps no accounting") == 1
    assert (flow.folder / "resources/tasks/tiny").is_dir()
    assert states(flow) == ["COMPLETED"]


def test_an_error_of_the_code_is_not_computed_again(flow):
    script = flow.folder / "scripts/tasks/prepare_task.py"
    text = script.read_text()
    script.write_text(
        text.replace(
            "with run_job(snakemake):\n",
            "with run_job(snakemake):\n    raise KeyError('the culprit')\n",
        )
    )
    assert script.read_text() != text
    said = flow.run("resources/tasks/tiny", check=False)
    assert said.count("the culprit") > 0
    log = (flow.folder / "logs/tasks/prepare/tiny.log").read_text()
    assert "not tried again, since the code itself failed: KeyError: 'the culprit'" in log
