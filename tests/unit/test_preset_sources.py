"""What the presets name exists: weights in the registries of timm and torchvision, architectures for files."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import timm
import yaml
from torchvision import models

from ckptrank.checkpoints.timm import find_preprocessing
from ckptrank.checkpoints.torchvision import check_architecture
from ckptrank.downloads import digest_in_name
from ckptrank.report.published import FOLDER
from ckptrank.tasks import torchvision as torchvision_tasks

PRESETS = Path(__file__).parents[2] / "presets"


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
        assert find_preprocessing(config.to_dict()).size <= 299
    elif source == "torchvision":
        check_architecture(definition["model"])
        weights = models.get_model_weights(definition["model"])[definition["weights"]]
        assert digest_in_name(weights.url)
    else:
        assert definition["library"] == "torchvision"
        check_architecture(definition["architecture"])


def test_files_of_the_neucrab_preset_are_verified_where_their_publisher_gives_a_hash():
    files = [d for d in read("neucrab")["checkpoints"].values() if d["source"] == "file"]
    hosts = {}
    for definition in files:
        parts = urlsplit(definition["weights"])
        if parts.scheme:
            assert parts.scheme == "https"
            hosts.setdefault(parts.netloc, []).append(bool(digest_in_name(definition["weights"])))
    assert all(hosts["download.openmmlab.com"])
    assert set(hosts) == {"download.openmmlab.com", "dl.fbaipublicfiles.com", "github.com"}


def test_the_neucrab_preset_is_the_papers_benchmark():
    preset = read("neucrab")
    tasks = [preset["tasks"][name] for name in preset["select"]["tasks"]]
    assert [task["name"] for task in tasks] == ["Caltech101", "Flowers102", "PCAM", "SUN397"]
    assert (torchvision_tasks.SUN_TRAIN, torchvision_tasks.SUN_TEST) == (76_128, 10_875)
    tune = preset["finetune"]
    assert tune["learning_rates"] == [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5]
    assert tune["steps"] == [2500, 5000, 10000, 15000, 20000, 40000]
    assert (tune["batch_size"], tune["momentum"], tune["weight_decay"]) == (512, 0.9, 0.0)
    assert preset["protocol"]["score_on"] == "test"
    default = yaml.safe_load((PRESETS.parent / "config.yaml").read_text(encoding="utf-8"))
    titles = {default["measures"][n]["title"] for n in preset["select"]["measures"] if n != "consensus"}  # fmt: skip
    published = (FOLDER / "neucrab_ranking.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split(",")[1] for line in published} <= titles


def test_every_stand_in_of_the_neucrab_preset_names_a_checkpoint_of_the_paper():
    printed = (FOLDER / "neucrab_accuracy.csv").read_text(encoding="utf-8").splitlines()[1:]
    names = {line.split(",")[1] for line in printed}
    preset = read("neucrab")
    shown = {
        name
        for group in ("I", "III")
        for name in preset["groups"][group]["checkpoints"] + preset["groups"][group]["unranked"]
    }
    originals = [preset["checkpoints"][name]["title"].split("≈")[-1].strip() for name in shown]
    assert set(originals) <= names
    assert len(originals) == len(set(originals))
