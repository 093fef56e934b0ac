"""What the presets name exists: weights in the registries of timm and torchvision, architectures for files."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import timm
import torch
import yaml
from tests.support.checkpoints import prepare
from torchvision import models

from ckptrank.checkpoints.slim.architectures import ARCHITECTURES
from ckptrank.checkpoints.timm import find_preprocessing
from ckptrank.checkpoints.timm_tags import describe_tag
from ckptrank.checkpoints.torchvision import check_architecture
from ckptrank.files.downloads import digest_in_name
from ckptrank.published.checkpoints import read_checkpoints
from ckptrank.report.benchmark.published import FOLDER
from ckptrank.tasks import torchvision as torchvision_tasks

PRESETS = Path(__file__).parents[3] / "presets"


def read(preset):
    return yaml.safe_load((PRESETS / f"{preset}.yaml").read_text(encoding="utf-8"))


CHECKPOINTS = [
    pytest.param(definition, id=f"{preset}-{name}")
    for preset in ("neucrab", "my_images")
    for name, definition in read(preset)["checkpoints"].items()
]


@pytest.mark.parametrize("definition", CHECKPOINTS)
def test_the_weights_of_a_preset_are_known(definition):
    source = definition["source"]
    if source == "timm":
        config = timm.get_pretrained_cfg(definition["model"], allow_unregistered=False)
        assert config.has_weights
        assert definition["model"] in timm.list_pretrained(definition["model"])
        given = definition.get("preprocessing", {})
        assert given.get("size", find_preprocessing(config.to_dict()).size) <= 299
    elif source == "torchvision":
        check_architecture(definition["model"])
        weights = models.get_model_weights(definition["model"])[definition["weights"]]
        assert digest_in_name(weights.url)
    elif source == "tf_slim":
        assert definition["architecture"] in {*ARCHITECTURES, "vtab_resnet50_v2"}
        assert definition["archive"].startswith("https://storage.googleapis.com/")
    else:
        assert definition["library"] == "torchvision"
        check_architecture(definition["architecture"])


def test_the_release_of_the_paper_is_one_archive_with_all_its_members():
    """As the page of the release lists them; Group III has one at another step."""
    members = {
        name: definition
        for name, definition in read("neucrab")["checkpoints"].items()
        if "rank_ckpt" in definition.get("archive", "")
    }
    assert len({definition["archive"] for definition in members.values()}) == 1
    stages = {
        f"{folder}_res50/model.ckpt-{step}"
        for folder, steps in (
            ("imagenet", (90000, 180000, 270000, 300000)),
            ("inat", (90000, 180000, 270000, 300000)),
            ("places", (60000, 120000, 180000, 200000, 300000)),
        )
        for step in steps
    }
    architectures = {
        f"imagenet_{name}/model.ckpt-{90000 if name == 'inception_resnet_v2' else 300000}"
        for name in ARCHITECTURES
    }
    found = {definition["weights"] for definition in members.values()}
    assert found == {f"rank_ckpt/{path}" for path in stages | architectures}
    for definition in members.values():
        folder = definition["weights"].split("/")[1]
        expected = "resnet_v1_50" if "res50" in folder else folder.removeprefix("imagenet_")
        assert definition["architecture"] == expected
        assert (definition["preprocessing"]["size"], definition["paper"]) == (224, "neucrab")
        data = {"inat": "iNaturalist 2017", "places": "Places365"}.get(folder.split("_")[0])
        assert definition["source_data"] == data or (data is None and definition["source_data"] == "ImageNet-1k")  # fmt: skip


def test_the_neucrab_preset_is_the_papers_benchmark():
    preset = read("neucrab")
    tasks = [preset["tasks"][name] for name in preset["select"]["tasks"]]
    assert [task["name"] for task in tasks] == ["Caltech101", "Flowers102", "PCAM", "SUN397"]
    assert (torchvision_tasks.SUN_TRAIN, torchvision_tasks.SUN_TEST) == (76_128, 10_875)
    tune = preset["finetune"]
    assert tune["learning_rates"] == [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5]
    assert tune["steps"] == [2500, 5000, 10000, 15000, 20000, 40000]
    assert (tune["batch_size"], tune["momentum"], tune["weight_decay"]) == (512, 0.9, 0.0)
    assert (tune["schedule"], tune["warmup"]) == ("step", 0)
    assert [round(fraction * 2500) for fraction in tune["decay_at"]] == [750, 1500, 2250]
    assert preset["protocol"]["score_on"] == "paper"
    default = yaml.safe_load((PRESETS.parent / "config.yaml").read_text(encoding="utf-8"))
    measures = {
        name: {**default["measures"].get(name, {}), **preset["measures"].get(name, {})}
        for name in preset["select"]["measures"]
        if name != "consensus"
    }
    titles = {measure["title"].removesuffix(", authors' form") for measure in measures.values()}
    published = (FOLDER / "neucrab_ranking.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split(",")[1] for line in published} <= titles


def test_the_neucrab_preset_calls_comparable_what_is_the_papers():
    """All of groups II and III, so that their metrics are compared, and ten of group I's sixteen."""
    preset = read("neucrab")
    said = {name: group.get("comparable", {}) for name, group in preset["groups"].items()}
    whole = {
        name: set(members.values()) >= {*read_checkpoints("neucrab", name)}
        and {*preset["groups"][name]["checkpoints"]} <= {*members}
        for name, members in said.items()
        if name != "I+II+III"
    }
    assert whole == {"I": False, "II": True, "III": True, "IV": False}
    assert {name: len(members) for name, members in said.items()} == {
        "I": 11,
        "II": 13,
        "III": 13,
        "IV": 1,
        "I+II+III": 0,
    }
    for members in said.values():
        for name, original in members.items():
            checkpoint = preset["checkpoints"][name]
            assert checkpoint["title"].startswith(original)
            assert checkpoint.get("paper") == "neucrab" or original == "From-Scratch"


def lay_out(definition, state):
    """Return a file's content as its publisher lays it out, by what the projects' code reads."""
    url, extra = definition["weights"], torch.zeros(2)

    def under(prefix):
        return {f"{prefix}{key}": tensor for key, tensor in state.items()}

    if "a2mim" in url:
        rest = {"backbone.mask_token": extra, "neck.decoder.0.weight": extra}
        return {"state_dict": under("backbone.") | rest}
    assert any(name in url for name in ("/dino/", "/barlowtwins/", "/vicreg/")), url
    return state


FETCHED = {
    tuple(map(str, (urlsplit(d["weights"]).netloc, *map(d.get, ("state_key", "strip_prefix", "ignore"))))): d
    for d in read("neucrab")["checkpoints"].values()
    if d["source"] == "file" and "://" in d["weights"]
}  # fmt: skip


@pytest.mark.parametrize("definition", FETCHED.values(), ids=[key[0] for key in FETCHED])
def test_a_file_laid_out_as_its_publisher_does_is_read(tmp_path, monkeypatch, definition):
    """One of each layout, with a smaller network; what the files really hold cannot be seen from here."""
    torch.manual_seed(0)
    model = models.resnet18(weights=None)
    state = {key: t for key, t in model.state_dict().items() if not key.startswith("fc.")}
    torch.save(lay_out(definition, state), tmp_path / "file")
    monkeypatch.setattr("ckptrank.checkpoints.file.download", lambda *_given: tmp_path / "file")
    card, network = prepare(tmp_path, **{**definition, "architecture": "resnet18"})
    assert card["headless"] == "the file has none"
    assert torch.equal(network.backbone.state_dict()["conv1.weight"], state["conv1.weight"])


def test_the_starter_checkpoints_are_free_to_use_and_of_several_kinds():
    preset = read("my_images")
    configs = [
        timm.get_pretrained_cfg(preset["checkpoints"][name]["model"])
        for name in preset["groups"]["candidates"]["checkpoints"]
    ]
    assert {config.license for config in configs} <= {"apache-2.0", "mit"}
    tags = [describe_tag(config.tag, config.num_classes)["kind"] for config in configs]
    assert len({*tags}) > 1, tags
    assert 2 < sum("vit" in config.architecture for config in configs) < 8
