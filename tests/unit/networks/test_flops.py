import pytest
from torch import nn

from ckptrank.networks.flops import count_forward_flops


def test_operations_by_hand():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    assert count_forward_flops(network, (3, 8, 6)) == 2 * (3 * 9 * 4 * 8 * 6 + 4 * 5)
    assert network.training


@pytest.mark.parametrize("network", [nn.Identity(), nn.AdaptiveAvgPool2d(1)])
def test_a_network_without_weights_has_none(network):
    assert count_forward_flops(network, (3, 8, 8)) == 0
