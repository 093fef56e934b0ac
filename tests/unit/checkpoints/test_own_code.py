"""Networks of one's own: functions of a Python file or a package, and the files that training leaves of them."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from tests.support.checkpoints import prepare
from torch import nn

from ckptrank.checkpoints import load_network
from ckptrank.checkpoints.own_code import find_code, hash_code
from ckptrank.errors import PairFault

CODE = """
import torch
from torch import nn
from own_parts import Block

class Net(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.linear = nn.Linear(width, classes) if classes else nn.Identity()

    def forward(self, images):
        return self.linear(self.blocks(self.bn(self.stem(images)).relu()).mean((2, 3)))

def build(width=6, classes=4):
    return Net(width, classes)

def log_softmax(width=6, classes=4):
    parts = [nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(width, classes), nn.LogSoftmax(1))

def fail():
    raise KeyError("no such width")

def text():
    return "net"
"""
PARTS = """
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps):
        return maps + self.conv(maps) * self.fc(maps.mean((2, 3)))[:, :, None, None].sigmoid()
"""
PIXELS = {"size": 16, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "crop": 0.9}


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "nets" / "networks.py"
    path.parent.mkdir()
    path.write_text(CODE)
    (path.parent / "own_parts.py").write_text(PARTS)
    return path


@pytest.fixture
def net(code):
    return make(code)


def make(code, **arguments):
    from ckptrank.checkpoints.own_code import create

    torch.manual_seed(1)
    model = create({"name": "python", "model": f"{code}:build", "arguments": arguments}).eval()
    model.bn.running_mean.normal_(0, 0.1)
    model.bn.running_var.uniform_(0.5, 2)
    return model


def prepare_own(tmp_path, code, weights, function="build", **fields):
    definition = {
        "source": "file",
        "library": "python",
        "architecture": f"{code}:{function}",
        "kind": "supervised",
        "weights": str(weights),
        "preprocessing": PIXELS,
        **fields,
    }
    return prepare(tmp_path, **definition)


def save(tmp_path, content, name="a.pth"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def check(network, model):
    """The network computes what the model does, features and head apart."""
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    pixels = (images.permute(0, 3, 1, 2) / 255 - torch.tensor(PIXELS["mean"])[:, None, None]) / (
        torch.tensor(PIXELS["std"])[:, None, None]
    )
    with torch.inference_mode():
        features, logits = network(images)
        torch.testing.assert_close(logits, model(pixels), rtol=1e-4, atol=1e-5)
    assert features.shape == (3, 6)


def test_a_function_of_a_file_is_a_network_with_its_head(tmp_path, code, net):
    card, network = prepare_own(tmp_path, code, save(tmp_path, net.state_dict()))
    check(network, net)
    assert card["head_classes"] == 4
    assert card["feature_layer"] == "input of linear"
    assert card["library"]["code"] == hashlib.sha256(CODE.encode()).hexdigest()
    assert card["preprocessing"]["mean"] == PIXELS["mean"]


def test_the_networks_arguments_are_its_own(tmp_path, code):
    wide = make(code, width=8, classes=3)
    card, _ = prepare_own(
        tmp_path, code, save(tmp_path, wide.state_dict()), arguments={"width": 8, "classes": 3}
    )
    assert (card["dimension"], card["head_classes"]) == (8, 3)


def test_a_network_without_a_classifier_has_no_head(tmp_path, code):
    """Linear layers inside its blocks are no classifier."""
    bare = make(code, classes=0)
    card, network = prepare_own(
        tmp_path, code, save(tmp_path, bare.state_dict()), arguments={"classes": 0}
    )
    assert (card["dimension"], card["head_classes"]) == (6, None)
    assert network.backbone.blocks[1].fc.weight.shape == (6, 6)


def test_a_file_without_the_classifier_gives_no_head(tmp_path, code, net):
    state = {k: v for k, v in net.state_dict().items() if not k.startswith("linear")}
    card, _ = prepare_own(tmp_path, code, save(tmp_path, state))
    assert (card["head_classes"], card["headless"]) == (None, "the file has none")


def test_where_something_follows_the_classifier_a_layer_before_it_is_named(tmp_path, code):
    from ckptrank.checkpoints.own_code import create

    library = {"name": "python", "model": f"{code}:log_softmax", "arguments": {}}
    weights = save(tmp_path, create(library).state_dict())
    card, _ = prepare_own(tmp_path, code, weights, "log_softmax")
    assert (card["feature_layer"], card["dimension"]) == ("output", 4)
    card, _ = prepare_own(tmp_path, code, weights, "log_softmax", feature_layer="2")
    assert (card["dimension"], card["head_classes"]) == (6, None)


def test_a_function_of_an_installed_package_with_its_arguments(tmp_path):
    """timm's generators are such functions; a network of timm brings its preprocessing and its classifier."""
    from timm.models.efficientnet import _gen_mobilenet_v1

    torch.manual_seed(0)
    model = _gen_mobilenet_v1("mobilenetv1_100", 0.25, pad_type="same")
    card, network = prepare(
        tmp_path,
        source="file",
        library="python",
        architecture="timm.models.efficientnet:_gen_mobilenet_v1",
        arguments={"variant": "mobilenetv1_100", "channel_multiplier": 0.25, "pad_type": "same"},
        weights=str(save(tmp_path, model.state_dict())),
        kind="supervised",
        preprocessing={"size": 64},
    )
    assert (card["dimension"], card["head_classes"]) == (256, 1000)
    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    assert hash_code({"library": "python", "architecture": "timm.models.efficientnet:_gen"})


def test_random_weights_of_a_network_of_ones_own(tmp_path, code):
    card, network = prepare(
        tmp_path,
        source="scratch",
        library="python",
        architecture=f"{code}:build",
        preprocessing=PIXELS,
    )
    assert (card["dimension"], card["licence"]) == (6, "not stated")
    again = load_network(tmp_path / "checkpoint", seed=5)
    assert not torch.equal(network.backbone.stem.weight, again.backbone.stem.weight)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("{code}:absent", "has no function 'absent'"),
        ("{code}:fail", "KeyError: 'no such width'"),
        ("{code}:text", "returns a str, no module"),
        ("{code}x.py:build", "no such file or module"),
        ("no_such_package.nets:build", "no such file or module"),
        ("json.decoder:JSONDecoder", "returns a JSONDecoder, no module"),
    ],
)
def test_faults_of_ones_own_code_are_named(tmp_path, code, net, architecture, message):
    weights = save(tmp_path, net.state_dict())
    with pytest.raises(PairFault, match=message):
        prepare_own(tmp_path, code, weights, architecture=architecture.format(code=code))


def test_code_that_changed_after_the_preparation_is_not_run(tmp_path, code, net):
    definition = {"library": "python", "architecture": f"{code}:build"}
    prepare_own(tmp_path, code, save(tmp_path, net.state_dict()))
    before = hash_code(definition)
    code.write_text("raise AssertionError\n")
    assert hash_code(definition) != before
    with pytest.raises(PairFault, match=r"networks\.py: has changed since the checkpoint"):
        load_network(tmp_path / "checkpoint")


def test_finding_and_hashing_runs_nothing(tmp_path):
    path = tmp_path / "loud.py"
    path.write_text("raise AssertionError\n")
    assert find_code(f"{path}:build") == path
    assert hash_code({"library": "python", "architecture": f"{path}:build"})
    assert find_code("torch.nn.modules.linear:Linear").name == "linear.py"
    assert hash_code({"library": "timm", "architecture": "resnet50"}) == ""


# What training leaves


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "best": 0.9},
        lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3},
        lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    ],
    ids=["DataParallel", "Lightning", "compiled"],
)
def test_a_prefix_that_all_keys_have_is_taken_off(tmp_path, code, net, wrap):
    card, network = prepare_own(tmp_path, code, save(tmp_path, wrap(net.state_dict())))
    check(network, net)
    assert card["stripped_prefix"] in ("module.", "model.", "module._orig_mod.")


def test_two_networks_in_one_file_are_told_apart_by_their_prefixes(tmp_path, code, net):
    state = net.state_dict()
    content = {f"{prefix}.{k}": v for prefix in ("model", "model_ema") for k, v in state.items()}
    path = save(tmp_path, content)
    with pytest.raises(PairFault, match=r"`strip_prefix: model\.` or `strip_prefix: model_ema\.`"):
        prepare_own(tmp_path, code, path)
    _, network = prepare_own(tmp_path, code, path, strip_prefix="model_ema.")
    check(network, net)


def test_keys_are_renamed_and_a_misfit_says_how(tmp_path, code, net):
    names = {"stem": "conv_stem", "bn": "bn1", "blocks": "_layers"}
    state = {
        ".".join([names.get(key.split(".")[0], key.split(".")[0]), *key.split(".")[1:]]): value
        for key, value in net.state_dict().items()
    }
    path = save(tmp_path, state)
    with pytest.raises(PairFault, match=r"conv_stem\.weight ~ stem\.weight") as caught:
        prepare_own(tmp_path, code, path)
    said = str(caught.value).split("`rename: ")[1].split("`")[0]
    import yaml

    _, network = prepare_own(tmp_path, code, path, rename=yaml.safe_load(said))
    check(network, net)


def test_faults_of_renaming_are_named(tmp_path, code, net):
    path = save(tmp_path, net.state_dict())
    with pytest.raises(PairFault, match="rename: missing"):
        prepare_own(tmp_path, code, path, rename=[["(", ""]])
    with pytest.raises(PairFault, match=r"two keys the name 'blocks\.x\.fc\.weight'"):
        prepare_own(tmp_path, code, path, rename=[[r"blocks\.\d", "blocks.x"]])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_single(tmp_path, code, net, kind):
    state = {k: v.to(kind) if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(state, tmp_path / "half.safetensors")
    _, network = prepare_own(tmp_path, code, tmp_path / "half.safetensors")
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    net.load_state_dict(state)
    check(network, net)


def test_weights_that_are_not_finite_are_a_fault(tmp_path, code, net):
    state = net.state_dict() | {"stem.weight": torch.full_like(net.stem.weight, float("nan"))}
    with pytest.raises(PairFault, match=r"NaN or infinite in stem\.weight$"):
        prepare_own(tmp_path, code, save(tmp_path, state))


def split(folder, state, names, index):
    folder.mkdir()
    keys = list(state)
    cut = len(keys) // 2
    parts = dict(zip(names, (keys[:cut], keys[cut:]), strict=True))
    for name, part in parts.items():
        save_file({key: state[key] for key in part}, folder / name)
    if index:
        found = {key: name for name, part in parts.items() for key in part}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": found}))
    return folder


@pytest.mark.parametrize("index", [True, False])
def test_a_folder_of_shards_is_one_state_dict(tmp_path, code, net, index):
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    folder = split(tmp_path / "checkpoint-500", net.state_dict(), names, index)
    torch.save({"lr": 0.1}, folder / "training_args.bin")  # what a Trainer leaves beside them
    _, network = prepare_own(tmp_path, code, folder)
    check(network, net)
    if index:
        (folder / names[1]).unlink()
        with pytest.raises(PairFault, match="lacks model-00002-of-00002"):
            prepare_own(tmp_path, code, folder)


def test_faults_of_folders_are_named(tmp_path, code):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PairFault, match=r"has none of model\.safetensors"):
        prepare_own(tmp_path, code, tmp_path / "empty")
    with pytest.raises(PairFault, match="`sha256` is of one file"):
        prepare_own(tmp_path, code, tmp_path / "empty", sha256="0" * 64)


def write_script(model, path):
    torch.jit.save(torch.jit.trace(model, torch.zeros(1, 3, 16, 16)), path)


def write_program(model, path):
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3, 16, 16),)), path)


@pytest.mark.parametrize(
    ("write", "name"), [(write_script, "net.pt"), (write_program, "net.pt2")], ids=["jit", "export"]
)
def test_programs_are_read_only_where_the_entry_says_so(tmp_path, code, net, write, name):
    path = tmp_path / name
    write(net, path)
    with pytest.raises(PairFault, match="reading it runs what is in it; say `runs_code: true`"):
        prepare_own(tmp_path, code, path)
    _, network = prepare_own(tmp_path, code, path, runs_code=True)
    check(network, net)
    network.train()
    network(torch.zeros(2, 16, 16, 3, dtype=torch.uint8))[1].sum().backward()
    assert network.backbone.stem.weight.grad is not None


def test_without_stated_preprocessing_it_is_imagenets():
    from ckptrank.checkpoints.libraries import find_preprocessing

    assert find_preprocessing({"name": "python"}, nn.Identity()).size == 224
