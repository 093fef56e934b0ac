"""``ckptrank new --checkpoints``: a folder of weights becomes a config, without a network and without reading them."""

import json

import pytest
import yaml
from tests.support.configs import DEFAULTS

from ckptrank.cli import main
from ckptrank.errors import PairFault
from ckptrank.workflow import new_checkpoints
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.new_checkpoints import ASKED, find_checkpoints

LIBRARIES = {
    "timm": ["resnet50", "resnet50_gn", "vit_small_patch16_224", "mobilenetv2_100"],
    "torchvision": ["resnet50", "mobilenet_v2", "vgg16_bn"],
}


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "my weights"
    for name, config in (
        ("exported", {"architecture": "convnext_tiny", "num_classes": 3}),
        ("trainer", {"model_type": "vit"}),
        ("no weights", None),
    ):
        (folder / name).mkdir(parents=True)
        if config:
            (folder / name / "config.json").write_text(json.dumps(config))
    for name in (
        *("resnet50-0676ba61.pth", "resnet50.a1_in1k.safetensors", "resnet50_gn-mine.pt"),
        *("vgg16-bn_epoch3.pth.tar", "vit-small-patch16-224.ckpt", "resnet501.bin", "notes.txt"),
        *("mobilenetv2_100-mine.th", "resnet50.head.safetensors", "resnet50.onnx", ".hidden"),
    ):
        (folder / name).write_bytes(b"")
    return folder


def test_networks_are_told_by_the_beginning_of_the_name(weights):
    found = find_checkpoints(weights, LIBRARIES)
    told = {
        name: (given["library"], given.get("architecture"))
        for name, given in found.checkpoints.items()
    }
    assert told == {
        "exported": ("timm", "convnext_tiny"),
        "mobilenetv2_100-mine": ("timm", "mobilenetv2_100"),
        "trainer": ("transformers", None),
        "resnet50-0676ba61": ("torchvision", "resnet50"),
        "resnet50.a1_in1k": ("timm", "resnet50"),
        "resnet50_gn-mine": ("timm", "resnet50_gn"),
        "resnet501": ("timm", ASKED),
        "vgg16-bn_epoch3": ("torchvision", "vgg16_bn"),
        "vit-small-patch16-224": ("timm", "vit_small_patch16_224"),
    }
    endings = ".safetensors, .pth, .pt, .th, .bin, .ckpt, .tar"
    assert found.passed_over == {
        "no weights": "a folder without a config.json",
        "notes.txt": f"ends in none of {endings}",
        "resnet50.head.safetensors": "a head without its network",
        "resnet50.onnx": f"ends in none of {endings}",
    }
    assert found.checkpoints["trainer"]["weights"] == str((weights / "trainer").resolve())


def test_a_classifier_in_a_file_of_its_own_goes_with_its_network(tmp_path):
    names = ("resnet50-mine.safetensors", "resnet50-mine.head.safetensors")
    for name in names:
        (tmp_path / name).write_bytes(b"")
    found = find_checkpoints(tmp_path, LIBRARIES)
    assert list(found.checkpoints) == ["resnet50-mine"]
    assert found.checkpoints["resnet50-mine"]["weights"] == [str(tmp_path / n) for n in names]
    assert not found.passed_over


def test_the_config_has_them_and_nothing_else(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(new_checkpoints, "_list_networks", lambda: LIBRARIES)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            (tmp_path / "photos" / name / f"{number}.jpg").write_bytes(b"")
    command = ["new", str(tmp_path / "run"), "--images", str(tmp_path / "photos")]
    assert main([*command, "--checkpoints", str(weights)]) == 0
    file = tmp_path / "run" / "config.yaml"
    text = file.read_text(encoding="utf-8")
    config = complete_config(yaml.safe_load(text), DEFAULTS, [file])
    names = config["groups"]["candidates"]["checkpoints"]
    assert len(names) == 8
    assert config["checkpoints"]["resnet50_gn-mine"]["weights"].endswith(
        "my weights/resnet50_gn-mine.pt"
    )
    assert "mobilenet-v4" not in text
    assert '  # "resnet501": ' in text
    told = capsys.readouterr().out
    assert "resnet50-0676ba61: resnet50 of torchvision" in told
    assert "Mind: the network of resnet501 is not told" in told
    assert "Mind: passed over resnet50.onnx: ends in none of .safetensors, " in told
    for name in ("no weights", "notes.txt", "resnet50.head.safetensors", "resnet50.onnx"):
        assert f"Mind: passed over {name}: " in told
        assert f'\n  # passed over "{name}": ' in text


def test_of_much_that_is_passed_over_the_terminal_names_ten(tmp_path, capsys):
    for name in ("resnet50.pth", *(f"{number}.jpg" for number in range(14))):
        (tmp_path / name).write_bytes(b"")
    assert len(find_checkpoints(tmp_path, LIBRARIES).passed_over) == 14
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "Mind: passed over 4 more."


@pytest.mark.parametrize(
    ("files", "message"),
    [([], "holds no weights"), (["best.pth"], "no name begins with a network of timm")],
)
def test_folders_that_tell_nothing_are_refused(tmp_path, files, message):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(PairFault, match=message):
        find_checkpoints(tmp_path, LIBRARIES)
    with pytest.raises(PairFault, match="no such folder"):
        find_checkpoints(tmp_path / "absent", LIBRARIES)
