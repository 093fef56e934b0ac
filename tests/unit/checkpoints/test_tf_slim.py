"""The source ``tf_slim``: from a bundle to a card and a network."""

import csv
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support.bundles import write_bundle
from tests.support.checkpoints import prepare
from tests.support.slim import list_shapes, make_noise, make_variable, name_module

from ckptrank.checkpoints.slim.resnet import ResNet50V2
from ckptrank.errors import PairFault
from ckptrank.measures import lgc
from ckptrank.measures.accounting import recording
from ckptrank.tasks.images import LabelledImages
from ckptrank.workflow.local_files import find_files

NAME, SCOPE = "mobilenet_v1_025", "MobilenetV1"
HEAD = f"{SCOPE}/Logits/Conv2d_1c_1x1"
FLOPS = 81_548_544  # two per multiply-add of every layer that slim lists, at 224 pixels


@pytest.fixture(scope="module")
def variables():
    """A training checkpoint: momentum, averages, a counter and an auxiliary head beside the network."""
    network = {n: make_variable(n, s, 3.0) for n, s in list_shapes(NAME, 10).items()}
    extra = {"global_step": np.int64(300000), f"{SCOPE}/AuxLogits/weights": np.float32([1])}
    for name, values in network.items():
        extra[f"{name}/ExponentialMovingAverage"] = values + 1
        if "moving" not in name:
            extra[f"{name}/RMSProp_1"] = np.float32([7])
    return network | extra


@pytest.fixture(scope="module")
def prefix(tmp_path_factory, variables):
    folder = tmp_path_factory.mktemp("release")
    return write_bundle(folder / "mobile" / "model.ckpt-300000", variables, shards=2, partitioned=[f"{HEAD}/biases"])  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))


def define(prefix, **given):
    return {"source": "tf_slim", "architecture": NAME, "weights": prefix} | given


def test_a_training_checkpoint_becomes_the_network_that_tensorflow_restores(tmp_path, prefix, variables):  # fmt: skip
    card, network = prepare(tmp_path, **define(prefix, source_data="ImageNet-1k"))
    with open(Path(__file__).parents[2] / "data" / "tf_slim_features.csv", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["architecture"] == NAME)
    with torch.inference_mode():
        features = network.backbone(make_noise(180)[:1])
        logits = network.head(features)
    expected = [float(row[f"feature_{i}"]) for i in range(16)]
    np.testing.assert_allclose(features[0, ::16], expected, atol=2e-5 * float(row["largest"]))
    weights, biases = variables[f"{HEAD}/weights"][0, 0], variables[f"{HEAD}/biases"]
    np.testing.assert_allclose(logits, features.numpy() @ weights + biases, rtol=1e-4, atol=1e-4)
    assert (card["dimension"], card["head_classes"], card["headless"]) == (256, 10, "")
    assert card["parameters"] == int(row["parameters"])
    assert card["forward_flops"] == FLOPS
    assert card["variables"] == "as trained"
    assert "background" not in card
    assert (card["kind"], card["source_data"], card["licence"]) == ("supervised", "ImageNet-1k", "not stated")  # fmt: skip
    assert card["preprocessing"]["interpolation"] == "tensorflow"
    assert card["preprocessing"]["mean"] == [0.5, 0.5, 0.5]


def test_moving_averages_by_a_switch(tmp_path, prefix, variables):
    card, network = prepare(tmp_path, **define(prefix, averages=True))
    assert card["variables"] == "moving averages"
    np.testing.assert_array_equal(
        network.head.bias.detach(), variables[f"{HEAD}/biases/ExponentialMovingAverage"]
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda average: average[:-1], r"m\.index: {} has shape \(9,\), expected \(10,\)"),
        (lambda average: average * np.nan, r"m: {} is not of finite floats"),
        (None, r"m\.index: has no variable '{}'"),
    ],
)
def test_moving_averages_that_are_not_the_variables(tmp_path, variables, change, words):
    name = f"{HEAD}/biases/ExponentialMovingAverage"
    others = {key: values for key, values in variables.items() if key != name}
    changed = {name: change(variables[name])} if change else {}
    prefix = write_bundle(tmp_path / "m", others | changed)
    with pytest.raises(PairFault, match=words.format(name)):
        prepare(tmp_path, **define(prefix, averages=True))


@pytest.mark.parametrize(("background", "classes"), [("keep", 1001), ("drop", 1000)])
def test_the_background_class(tmp_path, variables, background, classes):
    head = {n: make_variable(n, s) for n, s in list_shapes(NAME, 1001).items() if n.startswith(HEAD)}  # fmt: skip
    own = {n: v for n, v in variables.items() if n.endswith(("weights", "gamma", "beta", "mean", "variance"))}  # fmt: skip
    prefix = write_bundle(tmp_path / "m", own | head)
    card, network = prepare(tmp_path, **define(prefix, background=background))
    assert card["head_classes"] == classes
    assert card["background"].startswith("class 0 of 1001 is slim's background")
    assert ("left out" in card["background"]) == (background == "drop")
    kept = head[f"{HEAD}/biases"][1001 - classes :]
    np.testing.assert_array_equal(network.head.bias.detach(), kept)


def test_without_a_head(tmp_path, variables):
    own = {n: v for n, v in variables.items() if "Logits" not in n}
    card, network = prepare(tmp_path, **define(write_bundle(tmp_path / "m", own)))
    assert network.head is None
    assert card["head_classes"] is None
    assert card["headless"]


def test_a_module_of_vtab(tmp_path):
    """As it is published: a folder with ``variables`` in it; the names are those of tf.layers."""
    shapes = name_module(ResNet50V2())
    write_bundle(tmp_path / "variables/variables", {n: make_variable(n, s, 1.0) for n, s in shapes.items()})  # fmt: skip
    given = {"architecture": "vtab_resnet50_v2", "archive": str(tmp_path)}
    card, network = prepare(tmp_path, **define("variables/variables", **given))
    assert (card["dimension"], card["head_classes"]) == (2048, None)
    assert (card["preprocessing"]["size"], card["preprocessing"]["std"]) == (224, [1, 1, 1])
    first = make_variable("module/conv2d/kernel", shapes["module/conv2d/kernel"], 1.0)
    found = network.backbone.features[0].weight.detach().numpy()
    np.testing.assert_array_equal(found, first.transpose(3, 2, 0, 1))
    with torch.inference_mode():
        assert network.backbone(make_noise(64)).std() > 1e-3


def test_lgc_finds_the_last_convolution(tmp_path, prefix):
    _, network = prepare(tmp_path, **define(prefix, preprocessing={"size": 32}))
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    train = LabelledImages(images, np.arange(12) % 3)
    with recording() as record:
        assert np.isfinite(lgc(network, train, device=torch.device("cpu")))
    assert record.notes["layer"] == "blocks.4.1.conv_pw"


def zip_folder(archive, folder, *extra):
    with zipfile.ZipFile(archive, "w") as content:
        for path in sorted(folder.rglob("*")):
            content.write(path, f"rank_ckpt/{path.relative_to(folder)}")
        for name in extra:
            content.writestr(name, b"out")
    return archive


def test_an_archive_is_unpacked_once_and_verified(tmp_path, prefix):
    archive = zip_folder(tmp_path / "rank_ckpt.zip", Path(prefix).parents[1])
    digest = sha256(archive.read_bytes()).hexdigest()
    given = define("rank_ckpt/mobile/model.ckpt-300000", archive=archive.as_uri(), sha256=digest)
    assert prepare(tmp_path, **given)[0]["origin"] == archive.as_uri()
    (unpacked,) = (p for p in (tmp_path / "cache" / "unpacked").iterdir() if p.is_dir())
    before = unpacked.stat().st_mtime_ns
    prepare(tmp_path, **given)
    assert unpacked.stat().st_mtime_ns == before
    with pytest.raises(PairFault, match="SHA-256 is"):
        prepare(tmp_path, **given | {"sha256": "0" * 64})


@pytest.mark.parametrize("name", ["../evil", "/evil", "rank_ckpt/../../evil"])
def test_an_archive_that_leads_out_of_its_folder(tmp_path, prefix, name):
    archive = zip_folder(tmp_path / "a.zip", Path(prefix).parents[1], name)
    with pytest.raises(PairFault, match="leads out of the archive's folder"):
        prepare(tmp_path, **define("rank_ckpt/mobile/model.ckpt-300000", archive=str(archive)))


@pytest.mark.parametrize("weights", ["../m", "/etc/m", "a/../../m"])
def test_weights_that_lead_out_of_the_archive(tmp_path, prefix, weights):
    with pytest.raises(PairFault, match=r"weights: .* leads out of"):
        prepare(tmp_path, **define(weights, archive=str(Path(prefix).parent)))


def test_by_address_and_with_the_hash_of_the_index(tmp_path, prefix):
    digest = sha256(Path(f"{prefix}.index").read_bytes()).hexdigest()
    address = Path(prefix).as_uri()
    assert prepare(tmp_path, **define(address, sha256=digest))[0]["head_classes"] == 10
    with pytest.raises(PairFault, match="SHA-256 is"):
        prepare(tmp_path, **define(address, sha256="1" * 64))


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("resnet_v1_50", r"m\.index: has no variable of resnet_v1_50, only of MobilenetV1"),
        ("mobilenet_v1", r"m\.index: .* has shape .*, expected"),
    ],
)
def test_the_wrong_architecture(tmp_path, variables, architecture, words):
    prefix = write_bundle(tmp_path / "m", variables)
    with pytest.raises(PairFault, match=words):
        prepare(tmp_path, **define(prefix, architecture=architecture))


def test_variables_that_are_missing_or_too_many(tmp_path, variables):
    gone = f"{SCOPE}/Conv2d_3_depthwise/BatchNorm/gamma"
    less = {n: v for n, v in variables.items() if n != gone}
    with pytest.raises(PairFault, match=rf"m\.index: has no variable {gone}"):
        prepare(tmp_path, **define(write_bundle(tmp_path / "m", less)))
    more = variables | {f"{SCOPE}/Conv2d_14_pointwise/weights": np.float32([1])}
    prefix = write_bundle(tmp_path / "m", more)
    with pytest.raises(PairFault, match=r"has what the network has not: .*Conv2d_14_pointwise"):
        prepare(tmp_path, **define(prefix))
    card, _ = prepare(tmp_path, **define(prefix, ignore=["*/Conv2d_14_*"]))
    assert card["dimension"] == 256


def test_values_that_are_no_weights(tmp_path, variables):
    name = f"{SCOPE}/Conv2d_0/BatchNorm/beta"
    bad = variables | {name: np.full(8, np.nan, np.float32)}
    with pytest.raises(PairFault, match=f"{name} is not of finite floats"):
        prepare(tmp_path, **define(write_bundle(tmp_path / "m", bad)))


def test_a_missing_shard(tmp_path, variables):
    prefix = write_bundle(tmp_path / "m", variables, shards=2)
    Path(f"{prefix}.data-00001-of-00002").unlink()
    with pytest.raises(PairFault, match=r"variable .*: m\.data-00001-of-00002, where it lies, is"):
        prepare(tmp_path, **define(prefix))


def test_the_workflow_notices_a_change_of_the_index(prefix):
    assert find_files(define(prefix)) == [f"{prefix}.index"]
    assert find_files(define("m", archive=f"{prefix}.index")) == [f"{prefix}.index"]
