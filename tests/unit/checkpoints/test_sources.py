"""The sources `torchvision`, `timm` and `file`, with small networks of random weights."""

import argparse
import hashlib
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.support.checkpoints import prepare
from tests.support.pictures import draw
from torch import nn
from torchvision import models

from ckptrank.checkpoints import SOURCES, WEIGHTS, get_source, load_network
from ckptrank.checkpoints import timm as timm_source
from ckptrank.checkpoints import torchvision as torchvision_source
from ckptrank.checkpoints.timm_tags import describe_tag
from ckptrank.errors import PairFault
from ckptrank.measures._lgc import lgc
from ckptrank.measures.accounting import recording
from ckptrank.measures.registry import METHODS
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.scores import network as network_inputs
from ckptrank.scores.network import NetworkFiles, NetworkInputs
from ckptrank.scores.protocol import Protocol
from ckptrank.tasks.images import LabelledImages

SCHEMAS = Path(__file__).parents[3] / "scripts/ckptrank/workflow/schemas"
# A small network in place of the file that a name stands for.
TINY_TIMM = "resnet10t.c3_in1k"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def compute(network, model=None):
    """Return features and logits of the network, and the logits of the model, for one image."""
    size = network.preprocessing.size
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        features, logits = network(images)
        expected = None if model is None else model.eval()(network.preprocessing.normalise(images))
    return features, logits, expected


def make(name, seed=0, **options):
    torch.manual_seed(seed)
    library, _, architecture = name.partition("/")
    if library == "timm":
        model = timm.create_model(architecture, pretrained=False, **options)
    else:
        model = models.get_model(architecture, weights=None, **options)
    for layer in model.modules():  # running statistics that differ from the initial ones
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    return model.eval()


def save(path, content):
    torch.save(content, path)
    return str(path)


def test_every_source_has_a_schema_and_a_module():
    names = {path.name.removesuffix(".schema.yaml") for path in (SCHEMAS / "checkpoints").iterdir()}
    assert names - {"timm_query"} == set(SOURCES)
    for name in SOURCES:
        assert callable(get_source(name).prepare)
        assert callable(get_source(name).build)


# torchvision


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """Let torchvision's addresses lead to files on this machine, which are made here."""

    def put(model, content):
        path = tmp_path / "net-00000000.pth"
        torch.save(content, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        path = path.rename(tmp_path / f"net-{digest}.pth")
        fetch = torchvision_source.download
        monkeypatch.setattr(
            torchvision_source,
            "download",
            lambda url, given: fetch(path.as_uri(), torchvision_source.digest_in_name(path.name)),
        )

    return put


def test_torchvision_gives_features_head_preprocessing_and_card(tmp_path, downloaded):
    model = make("torchvision/mobilenet_v3_small")
    downloaded(model, model.state_dict())
    card, network = prepare(
        tmp_path, source="torchvision", model="mobilenet_v3_small", weights="IMAGENET1K_V1"
    )
    features, logits, expected = compute(network, model)
    assert features.shape == (2, 1024)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert network.preprocessing == Preprocessing(
        224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 224 / 256
    )
    head = 1024 * 1000 + 1000
    assert card["parameters"] == sum(p.numel() for p in model.parameters()) - head
    assert card["forward_flops"] == pytest.approx(2 * 0.057e9, rel=0.05)  # torchvision: 0.06 GMAC
    assert card["source_accuracy"] == pytest.approx(0.67668)
    assert (card["kind"], card["source_data"]) == ("supervised", "ImageNet-1k")
    assert (card["licence"], card["head_classes"]) == ("BSD-3-Clause", 1000)
    assert card["origin"].startswith("https://download.pytorch.org/models/mobilenet_v3_small-")
    assert (
        hashlib.sha256((tmp_path / "checkpoint" / WEIGHTS).read_bytes()).hexdigest()
        == card["sha256"]
    )


def test_layers_that_serve_training_alone_are_left_out(tmp_path, downloaded):
    model = make("torchvision/googlenet", init_weights=False, aux_logits=True, transform_input=True)
    downloaded(model, model.state_dict())
    card, network = prepare(tmp_path, source="torchvision", model="googlenet", weights="DEFAULT")
    _, logits, expected = compute(network, model)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert card["parameters"] == 5_599_904
    assert network.train().backbone(torch.zeros(2, 3, 224, 224)).shape == (2, 1024)


def test_old_names_of_densenet_are_understood():
    model = make("torchvision/densenet121")
    state = model.state_dict()
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for key, value in state.items()
        if "num_batches_tracked" not in key
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    renamed = torchvision_source._rename("densenet121", old)
    assert set(renamed) <= set(state)
    assert len(renamed) == len(old)


def test_a_head_that_is_not_linear_is_no_head(tmp_path, downloaded):
    model = make("torchvision/squeezenet1_1")
    downloaded(model, model.state_dict())
    card, network = prepare(
        tmp_path, source="torchvision", model="squeezenet1_1", weights="IMAGENET1K_V1"
    )
    assert card["head_classes"] is None
    assert card["headless"] == "its logits are not linear in the features"
    assert compute(network)[0].shape == (2, 512)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "resnet19"}, r"no classification network 'resnet19'; did you mean resnet"),
        ({"model": "fasterrcnn_resnet50_fpn"}, "no classification network"),
        ({"weights": "V3"}, "no weights 'V3'; it has IMAGENET1K_V1, IMAGENET1K_V2"),
    ],
)
def test_names_that_torchvision_does_not_know(tmp_path, fields, message):
    definition = {"model": "resnet50", "weights": "IMAGENET1K_V2", **fields}
    with pytest.raises(PairFault, match=message):
        prepare(tmp_path, source="torchvision", **definition)


def test_a_wrong_hash_in_torchvisions_file_is_a_fault(tmp_path, monkeypatch):
    path = tmp_path / "net-0123abcd.pth"
    path.write_bytes(b"anything")
    monkeypatch.setattr(
        torchvision_source,
        "download",
        lambda url, digest, fetch=torchvision_source.download: fetch(path.as_uri(), "0123abcd"),
    )
    with pytest.raises(PairFault, match=r"SHA-256 is .*, expected 0123abcd"):
        prepare(tmp_path, source="torchvision", model="resnet18", weights="IMAGENET1K_V1")


# timm


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Let timm's repositories lead to a file on this machine."""

    def put(state):
        path = tmp_path / "model.safetensors"
        save_file(state, path)
        monkeypatch.setattr(timm_source, "fetch_file", lambda repository, names, revision: path)

    return put


def test_timm_gives_features_head_preprocessing_and_card(tmp_path, fetched):
    model = make(f"timm/{TINY_TIMM}")
    fetched(model.state_dict())
    card, network = prepare(tmp_path, source="timm", model="resnet10t", title="x")
    features, logits, expected = compute(network, model)
    assert features.shape == (2, 512)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert card["library"] == {"name": "timm", "model": TINY_TIMM, "arguments": {}}
    assert (card["kind"], card["source_data"], card["licence"]) == (
        "supervised",
        "ImageNet-1k",
        "apache-2.0",
    )
    preprocessing = network.preprocessing
    assert (preprocessing.size, preprocessing.crop, preprocessing.interpolation) == (
        176,
        0.875,
        "bicubic",
    )


def test_timms_fields_are_overridden(tmp_path, fetched):
    fetched(make(f"timm/{TINY_TIMM}").state_dict())
    card, network = prepare(
        tmp_path,
        source="timm",
        model=TINY_TIMM,
        head="none",
        licence="mine",
        source_accuracy=0.7,
        preprocessing={"size": 64, "crop": 1.0, "crop_mode": "squash"},
    )
    assert network.preprocessing.size == 64
    assert network.preprocessing.crop_mode == "squash"
    assert (card["licence"], card["source_accuracy"], card["head_classes"]) == ("mine", 0.7, None)
    assert network.head is None


def test_outputs_that_are_no_labels_are_no_head_unless_the_definition_says_so(tmp_path):
    for definition, classes in (({}, None), ({"kind": "supervised"}, 512)):
        model = make("timm/resnet10t", num_classes=512)
        model.pretrained_cfg = {**model.pretrained_cfg, "tag": "openai", "num_classes": 512}
        card = timm_source.store_loaded(
            model, tmp_path, definition, library={"name": "timm", "model": "x"}, origin="x"
        )
        assert card["head_classes"] == classes
        assert card["kind"] == definition.get("kind", "self-supervised")


def test_a_layer_is_read_by_its_name_and_what_follows_is_dropped(tmp_path, fetched):
    model = make(f"timm/{TINY_TIMM}")
    fetched(model.state_dict())
    card, network = prepare(tmp_path, source="timm", model=TINY_TIMM, feature_layer="layer2")
    images = torch.rand(2, 3, 176, 176)
    with torch.inference_mode():
        x = model.maxpool(model.act1(model.bn1(model.conv1(images))))
        expected = model.layer2(model.layer1(x)).mean((2, 3))
        torch.testing.assert_close(network.backbone(images), expected, rtol=1e-4, atol=1e-5)
    assert card["feature_layer"] == "layer2, mean over positions"
    assert card["dimension"] == 128
    assert card["head_classes"] is None
    kept = sum(
        p.numel()
        for n, p in model.named_parameters()
        if not n.startswith(("layer3", "layer4", "fc"))
    )
    assert card["parameters"] == kept
    network.train().backbone(images).sum().backward()
    assert all(p.grad is not None for p in network.backbone.parameters())


@pytest.mark.parametrize("layer", [None, "layer4.0.conv2"])
def test_lgc_takes_the_layer_that_a_checkpoint_names(tmp_path, fetched, monkeypatch, layer):
    state = make(f"timm/{TINY_TIMM}").state_dict()
    # what timm sets to zero keeps every gradient of an untrained block at zero
    fetched(
        {key: torch.ones_like(v) if key.endswith("bn2.weight") else v for key, v in state.items()}
    )
    given = {} if layer is None else {"gradient_layer": layer}
    card, _ = prepare(tmp_path, source="timm", model=TINY_TIMM, **given)
    assert card["gradient_layer"] == layer
    monkeypatch.setattr(network_inputs, "open_task", lambda folder: None)
    inputs = NetworkInputs(
        NetworkFiles(str(tmp_path / "checkpoint"), "task"),
        task="t",
        checkpoint="c",
        protocol=Protocol("train", None),
        held_out=False,
        device=torch.device("cpu"),
        precision="float32",
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    asked = {name: inputs[name] for name in METHODS["lgc"].inputs if name != "train"}
    with recording() as record:
        lgc(train=LabelledImages(pixels, np.arange(4) % 2), **asked)
    # its shortcut's convolution runs last
    assert record.notes["layer"] == (layer or "layer4.0.downsample.1")


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("cls", lambda tokens: tokens[:, 0]), ("mean", lambda tokens: tokens.mean(1))],
)
def test_tokens_are_pooled_as_asked(tmp_path, fetched, pooling, expected):
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    model = make(f"timm/{name}")
    fetched(model.state_dict())
    card, network = prepare(
        tmp_path, source="timm", model=name, feature_layer="blocks.3", pooling=pooling
    )
    images = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        tokens = model._pos_embed(model.patch_embed(images))
        for block in model.blocks[:4]:
            tokens = block(tokens)
        torch.testing.assert_close(network.backbone(images), expected(tokens), rtol=1e-4, atol=1e-5)
    assert card["parameters"] < 2_500_000
    assert card["feature_layer"].startswith("blocks.3, ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"feature_layer": "layer9"}, "no layer 'layer9'; its parts are conv1, bn1"),
        (
            {"gradient_layer": "layer4.0.bn1"},
            "no convolution or linear layer 'layer4.0.bn1'; the last",
        ),
        ({"feature_layer": "layer2", "pooling": "cls"}, r"shape \(1, 128, 22, 22\) by 'cls'"),
        ({"arguments": {"depth": 3}}, "depth"),
        ({"model": "resnet10t.a1_in1k"}, "Invalid pretrained tag"),
        ({"model": "resnot50"}, "did you mean .*resne"),
    ],
)
def test_faults_of_timm_definitions_are_named(tmp_path, fetched, fields, message):
    fetched(make(f"timm/{TINY_TIMM}").state_dict())
    with pytest.raises(PairFault, match=message):
        prepare(tmp_path, source="timm", **{"model": TINY_TIMM, **fields})


def test_an_input_size_that_the_network_refuses_is_a_fault(tmp_path, fetched):
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    fetched(make(f"timm/{name}").state_dict())
    with pytest.raises(PairFault, match=r"cannot compute an image of \(192, 192\)"):
        prepare(tmp_path, source="timm", model=name, preprocessing={"size": 192})
    _, network = prepare(
        tmp_path,
        source="timm",
        model=name,
        preprocessing={"size": 192},
        arguments={"img_size": 192},
    )
    assert compute(network)[0].shape == (2, 192)


def test_weights_that_do_not_fit_timms_network_name_the_keys(tmp_path, fetched):
    state = make(f"timm/{TINY_TIMM}").state_dict()
    state["extra.weight"] = state.pop("layer1.0.conv1.weight")
    fetched(state)
    with pytest.raises(
        PairFault, match=r"missing layer1\.0\.conv1\.weight; unexpected extra\.weight"
    ):
        prepare(tmp_path, source="timm", model=TINY_TIMM)


@pytest.mark.parametrize(
    ("tag", "outputs", "kind", "data", "labelled"),
    [
        ("a1_in1k", 1000, "supervised", "ImageNet-1k", True),
        ("augreg_in21k_ft_in1k", 1000, "supervised", "ImageNet-21k, ImageNet-1k", True),
        ("dino", 0, "self-supervised", "", False),
        ("mae", 0, "self-supervised", "", False),
        ("fcmae_ft_in1k", 1000, "supervised", "ImageNet-1k", True),
        ("lvd142m", 0, "self-supervised", "LVD-142M", False),
        ("openai", 512, "self-supervised", "WIT-400M", False),
        ("clip_laion2b_ft_soup_320", 768, "self-supervised", "LAION-2B", False),
        ("openai_ft_in12k", 11821, "supervised", "WIT-400M, ImageNet-12k", True),
        ("fb_swsl_ig1b_ft_in1k", 1000, "semi-supervised", "Instagram-1B, ImageNet-1k", True),
        ("ns_jft_in1k", 1000, "semi-supervised", "JFT-300M, ImageNet-1k", True),
        ("", 10, "supervised", "", True),
        ("", 0, "self-supervised", "", False),
    ],
)
def test_what_tags_say(tag, outputs, kind, data, labelled):
    facts = describe_tag(tag, outputs)
    assert (facts["kind"], facts["source_data"], facts["labelled"]) == (kind, data, labelled)


# Files


def prepare_file(tmp_path, weights, **fields):
    definition = {
        "source": "file",
        "library": "torchvision",
        "architecture": "mobilenet_v3_small",
        "kind": "self-supervised",
        "weights": [*map(str, weights)] if isinstance(weights, list) else str(weights),
        **fields,
    }
    return prepare(tmp_path, **definition)


@pytest.fixture(scope="module")
def small():
    return make("torchvision/mobilenet_v3_small", seed=1)


def test_a_state_dict_with_its_head(tmp_path, small):
    card, network = prepare_file(tmp_path, save(tmp_path / "a.pth", small.state_dict()))
    _, logits, expected = compute(network, small)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert card["kind"] == "self-supervised"
    assert card["origin"].endswith("a.pth")


def test_a_safetensors_file_by_its_address_and_hash(tmp_path, small):
    path = tmp_path / "some weights.safetensors"
    save_file(small.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _, network = prepare_file(tmp_path, path.as_uri(), sha256=digest)
    _, logits, expected = compute(network, small)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(PairFault, match="SHA-256 is"):
        prepare_file(tmp_path, path.as_uri(), sha256="0" * 64)


@pytest.mark.parametrize("hashes", [[True, True], [True, False], None])
def test_a_network_and_its_classifier_apart_are_joined(tmp_path, small, hashes):
    state = {f"net.{key}": tensor for key, tensor in small.state_dict().items()}
    head = {
        key.replace("net.", "top."): state.pop(key)
        for key in [*state]
        if key.startswith("net.classifier.3.")
    }
    files = [tmp_path / "net.pth", tmp_path / "top.safetensors"]
    save(files[0], {"model": state})
    save_file(head, files[1])
    fields = {"rename": [[r"^(net|top)\.", ""]]}
    if hashes:
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        fields["sha256"] = [d if k else None for d, k in zip(digests, hashes, strict=True)]
    card, network = prepare_file(tmp_path, files, **fields)
    _, logits, expected = compute(network, small)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert card["origin"] == f"{files[0]} + {files[1]}"
    assert (card["state_key"], card["stripped_prefix"]) == ("model", "")


def test_of_files_that_are_joined_each_must_be_what_its_hash_says(tmp_path, small):
    files = [Path(save(tmp_path / f"{name}.pth", small.state_dict())) for name in ("a", "b")]
    good = hashlib.sha256(files[0].read_bytes()).hexdigest()
    with pytest.raises(PairFault, match=r"b\.pth: SHA-256 is"):
        prepare_file(tmp_path, files, sha256=[good, "0" * 64])
    with pytest.raises(PairFault, match=r"a\.pth and .*b\.pth: both have the key 'features"):
        prepare_file(tmp_path, files)


def test_a_checkpoint_of_momentum_contrast(tmp_path, small):
    """Two encoders under prefixes, a queue, and a projection in place of the classifier."""
    state = small.state_dict()
    other = make("torchvision/mobilenet_v3_small", seed=2).state_dict()
    content = {f"module.encoder_q.{key}": value for key, value in state.items()}
    content |= {f"module.encoder_k.{key}": value for key, value in other.items()}
    for layer in ("classifier.0", "classifier.3"):
        content.pop(f"module.encoder_q.{layer}.weight")
        content.pop(f"module.encoder_q.{layer}.bias")
    content["module.encoder_q.fc.0.weight"] = torch.zeros(3, 3)
    content["module.queue"] = torch.zeros(128, 10)
    content = {k: v for k, v in content.items() if not k.endswith("num_batches_tracked")}
    path = save(
        tmp_path / "moco.pth.tar",
        {"epoch": 200, "arch": "x", "state_dict": content, "args": argparse.Namespace(lr=0.03)},
    )
    with pytest.raises(
        PairFault, match=r"missing classifier\.0\.bias, classifier\.0\.weight; unexpected fc"
    ):
        prepare_file(tmp_path, path, strip_prefix="module.encoder_q.")
    state_of_head = {f"classifier.0.{n}": state[f"classifier.0.{n}"] for n in ("weight", "bias")}
    content |= {f"module.encoder_q.{key}": value for key, value in state_of_head.items()}
    path = save(tmp_path / "moco.pth.tar", {"state_dict": content})
    card, network = prepare_file(tmp_path, path, strip_prefix="module.encoder_q.", ignore=["fc.*"])
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        expected = small.classifier[:-1](small.avgpool(small.features(images)).flatten(1))
        torch.testing.assert_close(network.backbone(images), expected, rtol=1e-4, atol=1e-5)
    assert card["head_classes"] is None
    assert card["headless"] == "the file has none"
    assert network.head is None


@pytest.mark.parametrize(
    ("library", "architecture", "dimension"),
    [
        ("torchvision", "resnet18", 512),
        ("timm", "resnet10t", 512),
        ("builtin", "resnet_half", None),
    ],
)
def test_random_weights_of_a_library_are_those_of_their_seed(
    tmp_path, library, architecture, dimension
):
    card, network = prepare(
        tmp_path,
        source="scratch",
        library=library,
        architecture=architecture,
        preprocessing={"size": 32},
    )
    assert (card["kind"], card["sha256"], card["head_classes"]) == ("scratch", None, None)
    assert card["preprocessing"]["size"] == 32
    assert card["parameters"] == sum(p.numel() for p in network.backbone.parameters())
    assert card["dimension"] == dimension or dimension is None
    features = compute(network)[0]
    assert features.shape == (2, card["dimension"])

    def weights(seed):
        return next(load_network(tmp_path / "checkpoint", seed).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_the_number_of_classes_is_the_files(tmp_path):
    model = make("timm/resnet10t", num_classes=7)
    card, network = prepare_file(
        tmp_path,
        save(tmp_path / "a.pth", {"teacher": {"backbone": 1}, "model": model.state_dict()}),
        library="timm",
        architecture="resnet10t",
    )
    assert card["head_classes"] == 7
    _, logits, expected = compute(network, model)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenetv1_100", "mobilenetv2_100"])
def test_arguments_of_timms_generators_count_before_what_a_name_stands_for(tmp_path, name):
    wide = make(f"timm/{name}")
    padded = make(f"timm/{name}", pad_type="same")
    assert type(wide.conv_stem) is not type(padded.conv_stem)
    arguments = {"channel_multiplier": 0.25, "pad_type": "same", "num_classes": 7}
    narrow = timm_source.create(name, arguments)
    assert type(narrow.conv_stem) is type(padded.conv_stem)
    card, network = prepare_file(
        tmp_path,
        save(tmp_path / "a.pth", narrow.state_dict()),
        library="timm",
        architecture=name,
        arguments={"channel_multiplier": 0.25, "pad_type": "same"},
        preprocessing={"size": 64},
    )
    assert card["parameters"] < sum(p.numel() for p in wide.parameters()) / 4
    _, logits, expected = compute(network, narrow)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    again = timm_source.create(name, {})  # timm itself is as it was
    assert again.conv_stem.weight.shape == wide.conv_stem.weight.shape


def test_arguments_of_torchvision_are_handed_on(tmp_path):
    model = make("torchvision/mobilenet_v2", width_mult=0.25, num_classes=5)
    card, _ = prepare_file(
        tmp_path,
        save(tmp_path / "a.pth", model.state_dict()),
        architecture="mobilenet_v2",
        arguments={"width_mult": 0.25},
        preprocessing={"size": 64},
    )
    assert card["head_classes"] == 5
    with pytest.raises(PairFault, match=r"torchvision cannot make mobilenet_v2: .*'width'"):
        prepare_file(
            tmp_path, tmp_path / "a.pth", architecture="mobilenet_v2", arguments={"width": 1}
        )


def test_a_part_of_a_checkpoint_is_named(tmp_path, small):
    content = {"student": {"x": torch.zeros(1)}, "nested": {"teacher": small.state_dict()}}
    path = save(tmp_path / "a.pth", content)
    card, _ = prepare_file(tmp_path, path, state_key="nested.teacher")
    assert (card["head_classes"], card["state_key"]) == (1000, "nested.teacher")
    with pytest.raises(
        PairFault, match="holds no state dict; give `state_key`, one of student, nested"
    ):
        prepare_file(tmp_path, path)
    with pytest.raises(PairFault, match="no entry 'ema'; it has student, nested"):
        prepare_file(tmp_path, path, state_key="ema")


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_executed(tmp_path, small):
    mark = tmp_path / "executed"
    path = save(tmp_path / "a.pth", {"state_dict": small.state_dict(), "extra": Malicious(mark)})
    with pytest.raises(PairFault, match="it would execute more than plain tensors need"):
        prepare_file(tmp_path, path)
    plain = tmp_path / "b.pkl"
    plain.write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(PairFault, match=r"b\.pkl"):
        prepare_file(tmp_path, plain)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: {k.replace("features.", "features.0.0."): v for k, v in state.items()},
            r"missing features\.0\.0\.weight, .* and \d+ more; unexpected features\.0\.0\.",
        ),
        (
            lambda state: state | {"features.0.0.weight": torch.zeros(16, 3, 5, 5)},
            r"features\.0\.0\.weight has shape \(16, 3, 5, 5\), expected \(16, 3, 3, 3\)",
        ),
    ],
)
def test_a_mismatch_names_the_keys(tmp_path, small, change, message):
    with pytest.raises(PairFault, match=message):
        prepare_file(tmp_path, save(tmp_path / "a.pth", change(small.state_dict())))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strip_prefix": "backbone."}, r"no key begins with 'backbone\.'; the first are features"),
        ({"ignore": ["*"]}, "`ignore` leaves no key"),
        ({"architecture": "mobilenet"}, "no classification network 'mobilenet'"),
        ({"library": "timm", "architecture": "mobilenet"}, "timm cannot make mobilenet"),
        ({"weights": "absent.pth"}, "absent.pth: no such file"),
    ],
)
def test_faults_of_file_definitions_are_named(tmp_path, small, fields, message):
    path = save(tmp_path / "a.pth", small.state_dict())
    with pytest.raises(PairFault, match=message):
        prepare_file(tmp_path, **{"weights": path, **fields})


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_faults(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(PairFault, match=f"a{suffix}: not "):
        prepare_file(tmp_path, path)


def test_an_address_without_a_hash_is_warned_of(tmp_path, small, monkeypatch, caplog):
    path = tmp_path / "a.pth"
    save(path, small.state_dict())
    monkeypatch.setattr("ckptrank.checkpoints.file.download", lambda url, digest: path)
    with caplog.at_level(logging.WARNING, "ckptrank"):
        prepare_file(tmp_path, "https://example.org/a.pth")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in caplog.text


# What all share


def test_the_stored_weights_hold_the_backbone_and_the_head(tmp_path, small):
    prepare_file(tmp_path, save(tmp_path / "a.pth", small.half().state_dict()))
    small.float()
    tensors = load_file(tmp_path / "checkpoint" / WEIGHTS)
    assert tensors["head.weight"].shape == (1000, 1024)
    assert not [key for key in tensors if key.startswith("backbone.classifier.3")]
    assert tensors["backbone.features.0.0.weight"].dtype == torch.float32


def test_stored_weights_that_were_changed_are_refused(tmp_path, small):
    prepare_file(tmp_path, save(tmp_path / "a.pth", small.state_dict()))
    weights = tmp_path / "checkpoint" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(PairFault, match="SHA-256"):
        load_network(tmp_path / "checkpoint")


@pytest.mark.parametrize("shape", [(300, 200), (200, 301), (224, 224), (40, 500), (17, 9)])
@pytest.mark.parametrize(
    "name",
    [
        "resnet50.a1_in1k",
        "convnext_base.fb_in22k_ft_in1k_384",
        "beit_base_patch16_224.in22k_ft_in22k_in1k",
    ],
)
def test_pixels_are_those_of_timms_transform(shape, name):
    from timm.data import create_transform, resolve_data_config

    config = timm.get_pretrained_cfg(name).to_dict()
    image = draw(3, size=shape)
    transform = create_transform(**resolve_data_config(pretrained_cfg=config), normalize=False)
    expected = transform(image).permute(1, 2, 0)
    fitted = torch.from_numpy(timm_source.find_preprocessing(config).fit_one(image).copy())
    torch.testing.assert_close(fitted, expected, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(300, 200), (200, 301), (224, 224), (40, 500), (17, 9)])
@pytest.mark.parametrize(
    "size", [(224, 232), (224, 256), (384, 384), (299, 342), (320, 320), (480, 480)]
)
def test_pixels_are_those_of_torchvisions_transform(shape, size):
    from torchvision.transforms import functional

    image = draw(4, size=shape)
    resized = functional.resize(image, size[1], functional.InterpolationMode.BILINEAR)
    expected = functional.center_crop(resized, [size[0], size[0]])
    preprocessing = Preprocessing(size[0], (0,) * 3, (1,) * 3, "bilinear", size[0] / size[1])
    fitted = Image.fromarray(preprocessing.fit_one(image))
    assert fitted.tobytes() == expected.tobytes()
