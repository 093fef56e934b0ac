import time

import pytest
import torch

from ckptrank.checkpoints.builtin import make_untrained
from ckptrank.finetune import trial
from ckptrank.networks.flops import count_forward_flops
from ckptrank.workflow.known_sizes import USUAL_BUILTIN_GFLOPS


def test_a_step_takes_processor_time_and_leaves_the_process_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    threads, started = torch.get_num_threads(), time.process_time()
    seconds = trial.time_step()
    spent = time.process_time() - started
    assert 0 < seconds * trial.STEPS * trial.REPEATS <= spent
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(1), expected)


def test_the_estimate_knows_the_operations_of_its_network():
    network = make_untrained(trial.ARCHITECTURE)
    flops = count_forward_flops(network.backbone, (3, 32, 32))
    assert flops / 1e9 == pytest.approx(USUAL_BUILTIN_GFLOPS, rel=0.05)
