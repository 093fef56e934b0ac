"""Networks that no table knows are counted without weights, once."""

import pytest

from ckptrank.files.atomic import read_json
from ckptrank.workflow import counted_networks
from ckptrank.workflow.counted_networks import count_networks
from ckptrank.workflow.estimate import CPU_SPEED, estimate_ranking

SOURCES = {
    "timm": {"source": "timm", "model": "test_vit.r160_in1k"},
    "resized": {"source": "timm", "model": "test_resnet.r160_in1k", "preprocessing": {"size": 320}},
    "usual": {"source": "timm", "model": "test_resnet.r160_in1k"},
    "file": {
        "source": "file",
        "library": "torchvision",
        "architecture": "squeezenet1_1",
        "weights": "a.pth",
    },
    "absent": {"source": "timm", "model": "no_such_network"},
    "own": {
        "source": "file",
        "library": "python",
        "architecture": "nets.py:build",
        "weights": "a.pth",
    },
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))


def test_they_are_counted_at_their_size_and_kept(tmp_path, monkeypatch):
    found = count_networks(SOURCES)
    assert found.keys() == {"timm", "resized", "usual", "file"}
    assert found["resized"][0] == pytest.approx(4 * found["usual"][0], rel=0.01)
    assert found["file"][0] == pytest.approx(
        0.70e9, rel=0.01
    )  # 0.35 G multiply-adds by torchvision's table
    assert found["file"][1] == pytest.approx(4 * 1.2355, rel=0.001)  # 1,235,496 parameters
    assert len(read_json(tmp_path / "cache/networks.json")) == 5
    monkeypatch.setattr(counted_networks, "_count", lambda given: pytest.fail("counted again"))
    assert count_networks(SOURCES) == found


def test_the_estimate_goes_by_them(tmp_path, monkeypatch):
    checkpoints = {name: SOURCES[name] for name in ("usual", "own")}
    flops, megabytes = count_networks(checkpoints)["usual"]
    seconds, sizes = estimate_ranking(tmp_path, checkpoints, 100, gpu=False, cores=1)
    assert seconds == pytest.approx(100 * (flops + 8.2e9) / CPU_SPEED)
    assert sizes == {"usual": megabytes, "own": 100}
    monkeypatch.setattr(counted_networks, "_count", lambda given: pytest.fail("is in the table"))
    given = {"source": "timm", "model": "resnet50.a1_in1k"}
    assert estimate_ranking(tmp_path, {"a": given}, 100, gpu=False, cores=1)[0] > 0
