"""Repositories of transformers: small networks of random weights in a cache that the test fills."""

import json

import pytest
import torch
import transformers
from tests.support.checkpoints import prepare
from tests.support.hub_cache import fill_cache, offline

from ckptrank.errors import PairFault
from ckptrank.networks.preprocessing import Preprocessing

VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
SQUASHED = {
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "image_mean": [0.5] * 3,
    "image_std": [0.25] * 3,
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Put a model into the cache of the hub."""
    offline(monkeypatch, tmp_path / "hub")

    def put(model, processor=SQUASHED, leave_out=()):
        model.save_pretrained(tmp_path / "saved")
        files = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
        if processor:
            files["preprocessor_config.json"] = json.dumps(processor).encode()
        for name in leave_out:
            del files[name]
        fill_cache(tmp_path / "hub", "models--someone--net", files)
        return model.eval()

    return put


def load(tmp_path, **fields):
    return prepare(tmp_path, source="hub", repository="someone/net", **fields)


def make_vit(**options):
    torch.manual_seed(0)
    return transformers.ViTForImageClassification(transformers.ViTConfig(**VIT, **options))


def compute(network, model):
    images = torch.rand(2, 3, network.preprocessing.size, network.preprocessing.size)
    with torch.inference_mode():
        features = network.backbone(images)
        logits = None if network.head is None else network.head(features)
        return features, logits, model(pixel_values=images)


def test_a_network_for_classification(tmp_path, repository):
    model = repository(make_vit(num_labels=7))
    card, network = load(tmp_path)
    features, logits, expected = compute(network, model)
    assert features.shape == (2, 32)
    torch.testing.assert_close(logits, expected.logits)
    assert (card["kind"], card["architecture"], card["head_classes"]) == ("supervised", "vit", 7)
    assert network.preprocessing == Preprocessing(
        32, (0.5,) * 3, (0.25,) * 3, "bicubic", 1.0, "squash"
    )


def test_a_network_with_maps_and_a_classifier_in_a_sequence(tmp_path, repository):
    config = transformers.ResNetConfig(**RESNET, num_labels=5)
    crop = {"size": {"shortest_edge": 64}, "crop_pct": 0.875, "resample": 2}
    model = repository(transformers.ResNetForImageClassification(config), crop)
    _, network = load(tmp_path)
    _, logits, expected = compute(network, model)
    torch.testing.assert_close(logits, expected.logits)
    preprocessing = network.preprocessing
    assert (preprocessing.size, preprocessing.crop, preprocessing.crop_mode) == (
        64,
        0.875,
        "center",
    )


@pytest.mark.parametrize(
    ("pooling", "pool"), [("cls", lambda t: t[:, 0]), ("mean", lambda t: t.mean(1))]
)
def test_an_encoder_gives_its_tokens_and_never_its_pooler(tmp_path, repository, pooling, pool):
    encoder = transformers.ViTModel(transformers.ViTConfig(**VIT), add_pooling_layer=False)
    model = repository(encoder)
    card, network = load(tmp_path, pooling=pooling)
    features, _, expected = compute(network, model)
    torch.testing.assert_close(features, pool(expected.last_hidden_state))
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    assert (card["kind"], card["head_classes"]) == ("self-supervised", None)
    assert pooling in card["feature_layer"]


def test_an_encoder_of_maps_is_averaged(tmp_path, repository):
    model = repository(
        transformers.ResNetModel(transformers.ResNetConfig(**RESNET)),
        {"size": 64, "crop_size": 48, "do_center_crop": True, "do_normalize": False},
    )
    _, network = load(tmp_path)
    features, _, expected = compute(network, model)
    torch.testing.assert_close(features, expected.last_hidden_state.mean((2, 3)))
    assert (
        network.preprocessing.to_dict() | {"size": 48, "crop": 0.75}
        == network.preprocessing.to_dict()
    )
    assert network.preprocessing.std == (1, 1, 1)


def test_without_a_processor_imagenets_preprocessing_is_taken(tmp_path, repository, caplog):
    repository(make_vit(), processor=None)
    _, network = load(tmp_path)
    assert network.preprocessing.size == 32
    assert "taking ImageNet's preprocessing" in caplog.text


def test_weights_that_lack_layers_name_them(tmp_path, repository):
    model = make_vit()
    state = model.state_dict()
    keys = [key for key in state if "layer" in key and "weight" in key][:4]
    for key in keys:
        del state[key]
    save = model.save_pretrained
    model.save_pretrained = lambda folder: save(folder, state_dict=state)
    repository(model)
    with pytest.raises(PairFault, match=r"keys do not fit: missing vit\..* and 1 more"):
        load(tmp_path)


def test_a_repository_without_weights_is_a_fault(tmp_path, repository):
    repository(make_vit(), leave_out=["model.safetensors"])
    with pytest.raises(PairFault, match=r"none of model\.safetensors, pytorch_model\.bin"):
        load(tmp_path)


def test_what_a_trainer_leaves_is_a_folder(tmp_path):
    """Shards with their index, a processor, and files of the training that are passed over."""
    model = make_vit(num_labels=3).eval()
    folder = tmp_path / "checkpoint-500"
    model.save_pretrained(folder, max_shard_size="20KB")
    (folder / "preprocessor_config.json").write_text(json.dumps(SQUASHED))
    (folder / "training_args.bin").write_bytes(b"not read")
    assert (folder / "model.safetensors.index.json").exists()
    given = {"source": "file", "library": "transformers", "weights": str(folder)}
    card, network = prepare(tmp_path, **given, kind="supervised")
    _, logits, expected = compute(network, model)
    torch.testing.assert_close(logits, expected.logits)
    assert (card["architecture"], card["head_classes"], card["origin"]) == ("vit", 3, str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(PairFault, match=r"has no config\.json of transformers"):
        prepare(tmp_path, **given, kind="supervised")
