"""The source `hub`, and timm's own repositories, from a cache that the test fills; no network."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save as to_safetensors
from tests.support.checkpoints import prepare
from tests.support.hub_cache import COMMIT, fill_cache, offline
from tests.support.loopback import HubServer, serve

from ckptrank.errors import PairFault, PassingFault
from ckptrank.files.hub import fetch_file

ROOT = Path(__file__).parents[3]


def to_pickle(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return timm.create_model("resnet10t", pretrained=False, num_classes=5).eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    offline(monkeypatch, tmp_path / "hub")
    return tmp_path / "hub"


def describe(**changes):
    """Return a repository's config.json as timm writes it."""
    pretrained = {
        "tag": "c3_in1k",
        "input_size": [3, 160, 160],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "classifier": "fc",
        "first_conv": "conv1.0",
        "license": "mit",
        "label_names": ["a"] * 5,
    }
    config = {"architecture": "resnet10t", "num_classes": 5, "pretrained_cfg": pretrained}
    return json.dumps({**config, **changes}).encode()


def assert_same(network, model):
    images = torch.randint(0, 256, (2, 160, 160, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = model(network.preprocessing.normalise(images))
        torch.testing.assert_close(network(images)[1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "encode"), [("model.safetensors", to_safetensors), ("pytorch_model.bin", to_pickle)]
)
def test_a_repository_of_timm(tmp_path, cache, model, name, encode):
    files = {"config.json": describe(), name: encode(model.state_dict())}
    fill_cache(cache, "models--someone--net", files)
    card, network = prepare(tmp_path, source="hub", repository="someone/net")
    assert_same(network, model)
    preprocessing = network.preprocessing
    assert (preprocessing.size, preprocessing.mean, preprocessing.crop) == (160, (0.5,) * 3, 1.0)
    assert (card["licence"], card["kind"], card["head_classes"]) == ("mit", "supervised", 5)
    assert card["origin"] == "https://huggingface.co/someone/net"
    assert "label_names" not in json.dumps(card)


def test_a_revision_and_arguments_of_the_network(tmp_path, cache):
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=0, global_pool="max").eval()
    files = {
        "config.json": describe(num_classes=0, model_args={"global_pool": "max"}),
        "model.safetensors": to_safetensors(model.state_dict()),
    }
    fill_cache(cache, "models--someone--net", files)
    card, network = prepare(tmp_path, source="hub", repository="someone/net", revision=COMMIT)
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        torch.testing.assert_close(network.backbone(images), model(images))
    assert card["head_classes"] is None
    assert card["origin"].endswith(f"/tree/{COMMIT}")


def test_weights_of_timms_own_repository(tmp_path, cache):
    torch.manual_seed(0)
    model = timm.create_model("resnet10t.c3_in1k").eval()
    files = {"model.safetensors": to_safetensors(model.state_dict())}
    fill_cache(cache, "models--timm--resnet10t.c3_in1k", files)
    card, network = prepare(tmp_path, source="timm", model="resnet10t.c3_in1k")
    images = torch.rand(1, 3, 176, 176)
    with torch.inference_mode():
        logits = network.head(network.backbone(images))
        torch.testing.assert_close(logits, model(images), rtol=1e-4, atol=1e-5)
    assert card["head_classes"] == 1000


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "hub repository someone/net: "),
        ({"config.json": describe()}, r"none of model\.safetensors, pytorch_model\.bin"),
        ({"config.json": b"{}"}, r"config\.json is not of timm or transformers"),
        (
            {"config.json": describe(), "model.safetensors": to_safetensors({"a": torch.zeros(1)})},
            r"missing conv1\.0\.weight, .* and \d+ more; unexpected a",
        ),
        (
            {"config.json": describe(architecture="resnot"), "model.safetensors": b"x"},
            "Unknown model",
        ),
    ],
)
def test_faults_of_repositories_are_named(tmp_path, cache, files, message):
    fill_cache(cache, "models--someone--net", files)
    with pytest.raises(PairFault, match=message):
        prepare(tmp_path, source="hub", repository="someone/net")


def test_transformers_must_be_there(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    fill_cache(cache, "models--someone--net", {"config.json": b'{"model_type": "vit"}'})
    with pytest.raises(PairFault, match="is for transformers, which is not installed"):
        prepare(tmp_path, source="hub", repository="someone/net")


def test_a_damaged_file_of_the_cache_is_noticed(tmp_path, cache):
    fill_cache(cache, "models--someone--net", {"model.safetensors": b"weights"})
    next((cache / "models--someone--net/blobs").iterdir()).write_bytes(b"damaged")
    with pytest.raises(PairFault, match=r"SHA-256 is .* delete .*blobs"):
        fetch_file("someone/net", ["model.safetensors"])


def test_an_absent_repository_is_not_asked_for_again(cache, monkeypatch):
    waits = []
    monkeypatch.setattr("ckptrank.files.downloads.time.sleep", waits.append)
    with pytest.raises(PairFault, match=r"hub repository someone/net@v1: "):
        fetch_file("someone/net", ["model.safetensors"], "v1")
    assert waits == []


def test_without_a_network_the_cache_is_asked_once_and_the_fault_may_pass(cache, monkeypatch):
    """The second name is looked for in the cache too, which may hold it."""
    waits = []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("ckptrank.files.hub.is_online", lambda address: False)
    monkeypatch.setattr("ckptrank.files.downloads.time.sleep", waits.append)
    with pytest.raises(PassingFault, match=r"no network, and the cache has none of a\.bin, b\.bin"):
        fetch_file("someone/net", ["a.bin", "b.bin"])
    fill_cache(cache, "models--someone--net", {"b.bin": b"weights"})
    assert fetch_file("someone/net", ["a.bin", "b.bin"]).read_bytes() == b"weights"
    assert waits == []


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine, an empty cache, and waits that are noted and not waited for."""
    from huggingface_hub import constants

    server = HubServer({"config.json": b"{}", "pytorch_model.bin": b"weights" * 1000}, COMMIT)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("ckptrank.files.downloads.time.sleep", lambda seconds: None)
    with serve(server):
        yield server


def test_files_are_fetched_from_a_hub_and_kept(hub, monkeypatch):
    names = ["model.safetensors", "pytorch_model.bin"]
    path = fetch_file("someone/net", names, "main")
    assert path.read_bytes() == b"weights" * 1000
    assert "HEAD model.safetensors" in hub.asked
    assert hub.asked.count("GET pytorch_model.bin") == 1
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch_file("someone/net", names[1:], "main") == path


def test_a_busy_hub_is_asked_again(hub):
    hub.codes = [503, 503, 503]
    assert fetch_file("someone/net", ["config.json"]).read_bytes() == b"{}"
    assert len(hub.asked) > 3


def test_a_hub_that_refuses_is_a_fault_with_its_reason(hub):
    hub.codes = [403] * 100
    with pytest.raises(
        PairFault, match=r"hub repository someone/net: .*(403|Forbidden|connection)"
    ):
        fetch_file("someone/net", ["config.json"])


def test_the_environment_variables_are_enough(tmp_path, model):
    """The same in a process of its own: the client reads its variables when it is imported."""
    files = {"config.json": describe(), "model.safetensors": to_safetensors(model.state_dict())}
    fill_cache(tmp_path / "hub", "models--someone--net", files)
    code = (
        "import pathlib; from ckptrank.checkpoints import hub;"
        "folder = pathlib.Path('checkpoint'); folder.mkdir();"
        "card = hub.prepare({'source': 'hub', 'repository': 'someone/net'}, folder);"
        "print(card['head_classes'], (folder / 'weights.safetensors').stat().st_size > 10_000_000)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_CACHE": str(tmp_path / "hub"),
        },
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["5", "True"], run.stderr
