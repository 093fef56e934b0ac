"""``ckptrank rank``: what it says before it starts, and what becomes of a run without a network."""

import json
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser
from tests.support.annotations import write_coco, write_voc
from tests.support.configs import DEFAULTS
from tests.support.hub_cache import fill_cache
from tests.support.ranking_frames import write_ranking

from ckptrank.cli import main
from ckptrank.files import connections
from ckptrank.workflow import rank_images
from ckptrank.workflow.config import complete_config


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    """No cache of this machine, no network, no folder but the test's own."""
    for name in ("HF_HUB_CACHE", "TORCH_HOME", "CKPTRANK_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(connections, "is_online", lambda: False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def started(monkeypatch):
    """The commands that would have been started."""
    commands = []

    def pretend(command, **options):
        commands.append((command, options["env"]))
        return Namespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", pretend)
    return commands


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            (tmp_path / "photos" / name / f"{number}.jpg").write_bytes(b"")
    return str(tmp_path / "photos")


def keep(tmp_path, repository, config):
    folder = f"models--{repository.replace('/', '--')}"
    files = {"model.safetensors": b"x", "config.json": json.dumps(config).encode()}
    fill_cache(tmp_path / "HF_HUB_CACHE", folder, files)


def test_it_says_first_what_it_will_fetch_and_how_long_it_will_take(
    photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(connections, "is_online", lambda: True)
    keep(tmp_path, "timm/resnet18.a1_in1k", {"architecture": "resnet18"})
    assert main(["rank", photos, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "2 classes; 24 images" in told
    assert "Wrote photos_ranked/config.yaml" in told
    assert "To fetch: the weights of 9 checkpoints, about 722 MB." in told
    assert "1 are here already" in told
    assert "10 checkpoints over 20 training images, about " in told


def test_the_second_time_takes_the_config_as_it_stands(photos, tmp_path, started, capsys):
    keep(tmp_path, "timm/resnet18.a1_in1k", {"architecture": "resnet18"})
    assert main(["rank", photos, "--plan"]) == 0
    config = Path("photos_ranked/config.yaml")
    config.write_text(
        config.read_text().replace("      - resnet18\n", "      - resnet18\n      - mine\n")
    )
    mine = "checkpoints:\n  mine: {source: file, library: timm, architecture: resnet18, weights: w.pth, kind: supervised}\n"
    config.write_text(config.read_text().replace("\ncheckpoints:\n", f"\n{mine}"))
    assert main(["rank", photos, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "Using photos_ranked/config.yaml as it stands" in told
    assert "Ranking what is here: resnet18 and mine." in told
    (tmp_path / "others").mkdir()
    assert main(["rank", str(tmp_path / "others"), "--run", "photos_ranked", "--plan"]) == 1
    assert "is of other images" in capsys.readouterr().err


def test_a_folder_of_weights_is_ranked_by_the_one_command(photos, tmp_path, started, capsys):
    (tmp_path / "weights").mkdir()
    for name in ("resnet18-mine.pth", "vit_tiny_patch16_224.mine.safetensors", "unknown.pt"):
        (tmp_path / "weights" / name).write_bytes(b"x")
    given = ["rank", photos, "--checkpoints", "weights"]
    assert main(given) == 0
    told = capsys.readouterr().out
    assert "the network of unknown is not told" in told
    assert "Nothing to fetch: all weights are here." in told
    assert "2 checkpoints over 20 training images" in told
    assert len(started) == 2
    (tmp_path / "weights/resnet50-new.pth").write_bytes(b"x")
    assert main(given) == 1
    assert "photos_ranked/config.yaml: has no resnet50-new" in capsys.readouterr().err


def write_candidates(checkpoints, groups):
    said = {"select": {"groups": ["all"]}, "groups": groups, "checkpoints": checkpoints}
    Path("config.yaml").write_text(yaml.safe_dump(said))
    return Path("config.yaml")


def test_candidates_are_those_of_unions_and_of_what_queries_find():
    checkpoints = {
        "tiny": {"source": "timm_query", "pattern": ["test_resnet.r160_in1k", "test_vit.r160*"]},
        "mine": {"source": "scratch", "library": "timm", "architecture": "resnet18"},
        "other": {"source": "scratch", "library": "timm", "architecture": "resnet34"},
    }
    groups = {
        "all": {"union": ["b", "a"]},
        "a": {"checkpoints": ["tiny", "mine"]},
        "b": {"checkpoints": ["mine"]},
        "left out": {"checkpoints": ["other"]},
    }
    found = rank_images.read_candidates(write_candidates(checkpoints, groups))
    assert [*found] == ["mine", "test_resnet.r160_in1k", "test_vit.r160_in1k"]
    assert not rank_images.is_here(found["test_vit.r160_in1k"], Path(), "test_vit.r160_in1k")
    checkpoints["tiny"]["pattern"] = "no such network"
    with pytest.raises(rank_images.PairFault, match=r"config.yaml: checkpoints.tiny: no pre-tr"):
        rank_images.read_candidates(write_candidates(checkpoints, groups))


@pytest.mark.parametrize(
    ("definition", "here"),
    [
        ({"source": "tf_slim", "weights": "a/model.ckpt", "archive": "https://x.y/a.zip"}, False),
        ({"source": "tf_slim", "weights": "https://x.y/model.ckpt"}, False),
        ({"source": "tf_slim", "weights": "a/model.ckpt", "archive": "/data/a.zip"}, True),
        ({"source": "file", "weights": "https://x.y/a.pth"}, False),
        ({"source": "file", "weights": "file:///data/a.pth"}, True),
        ({"source": "file", "weights": ["/data/a.pth", "file:///data/b.pth"]}, True),
        ({"source": "file", "weights": ["/data/a.pth", "https://x.y/b.pth"]}, False),
    ],
)
def test_what_has_an_address_is_to_be_fetched(definition, here):
    assert rank_images.is_here(definition, Path(), "a") is here


@pytest.mark.parametrize(
    ("file", "model", "weights", "here"),
    [
        ("resnet50-11ad3fa6.pth", "resnet50", "IMAGENET1K_V2", True),
        ("resnet50-0676ba61.pth", "resnet50", "IMAGENET1K_V2", False),
        ("efficientnet_b0_rwightman-7f5810bc.pth", "efficientnet_b0", "IMAGENET1K_V1", True),
        ("resnet50-11ad3fa6.pth", "resnet50", "IMAGENET1K_V9", False),
        ("resnet18-0676ba61.pth", "resnet50", "IMAGENET1K_V2", False),
    ],
)
@pytest.mark.parametrize("cache", ["TORCH_HOME/hub/checkpoints", "CKPTRANK_CACHE/downloads/0"])
def test_weights_of_torchvision_are_found_by_the_name_of_their_file(
    tmp_path, cache, file, model, weights, here
):
    (tmp_path / cache).mkdir(parents=True)
    (tmp_path / cache / file).write_bytes(b"x")
    definition = {"source": "torchvision", "model": model, "weights": weights}
    assert rank_images.is_here(definition, Path(), "a") is here


def test_without_a_network_what_the_caches_hold_is_ranked(photos, tmp_path, started, capsys):
    keep(tmp_path, "timm/convnext_tiny.in12k_ft_in1k", {"architecture": "convnext_tiny"})
    keep(tmp_path, "timm/vit_tiny.other", {"architecture": "vit_tiny"})
    keep(tmp_path, "me/beans", {"architectures": ["ViTForImageClassification"]})
    keep(tmp_path, "me/talk", {"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
    assert main(["rank", photos, "--run", "a run"]) == 0
    told = capsys.readouterr().out
    assert "No network: mobilenet-v4, " in told
    assert "Ranking what is here: convnext-tiny, beans and vit_tiny_other." in told
    (command, environment), _report = started
    asked = get_argument_parser().parse_args(command[3:])
    assert [*asked.targets] == ["rank"]
    assert str(asked.directory) == "a run"
    assert [Path(file) for file in asked.configfile] == [tmp_path / "a run/offline.yaml"]
    assert environment["HF_HUB_OFFLINE"] == "1"
    files = [Path("a run/config.yaml"), Path("a run/offline.yaml")]
    given = [yaml.safe_load(file.read_text()) for file in files]
    for key in given[1]:
        given[0][key] |= given[1][key]
    config = complete_config(given[0], DEFAULTS, files[::-1])
    assert config["select"]["groups"] == ["cached"]
    assert config["groups"]["cached"]["checkpoints"] == ["convnext-tiny", "beans", "vit_tiny_other"]


def test_after_a_ranking_for_boxes_comes_the_command_that_fine_tunes_detectors(
    photos, tmp_path, started, capsys
):
    keep(tmp_path, "timm/resnet18.a1_in1k", {"architecture": "resnet18"})
    assert main(["rank", photos]) == 0
    assert "Next:" not in capsys.readouterr().out
    images = {f"{n:02d}": [(("cat", "dog")[n % 2], 1, 1, 20, 20)] for n in range(24)}
    write_voc(tmp_path / "zoo", {"trainval": images})
    assert main(["rank", str(tmp_path / "zoo"), "--run", "a run"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1].startswith("Next: make detect PRESET='a run/config.yaml'   # ")


def test_the_steps_that_tell_the_cost_of_a_detector_are_in_the_estimate(
    photos, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(connections, "is_online", lambda: True)
    estimate, passes = rank_images.estimate_ranking, []
    monkeypatch.setattr(
        rank_images,
        "estimate_ranking",
        lambda *given, **more: passes.append(given[2]) or estimate(*given, **more),
    )
    images = {f"{n:02d}": [(("cat", "dog")[n % 2], 1, 1, 20, 20)] for n in range(24)}
    for given in (photos, str(write_voc(tmp_path / "zoo", {"trainval": images}))):
        assert main(["rank", given, "--plan"]) == 0
        assert "over 20 training images" in capsys.readouterr().out
    assert passes[0] == 20
    assert passes[1] > 200


def test_where_labels_tell_nothing_apart_it_starts_nothing_and_says_what_to_do(
    tmp_path, started, capsys
):
    boxes = [{"image_id": n, "category_id": 7, "bbox": [2, 2, 10, 6]} for n in range(10)]
    file = write_coco(tmp_path / "set/cats.json", [f"{n}.png" for n in range(10)], boxes)
    for said in ("Wrote cats_ranked/config.yaml", "Using cats_ranked/config.yaml"):
        assert main(["rank", str(file)]) == 1
        told = capsys.readouterr()
        assert said in told.out
        reason = "cats.json: every training image has 'cat', so that the labels of images tell no"
        assert reason in told.err
        assert "make detect PRESET=cats_ranked/config.yaml   # fine-tunes a detector" in told.err
    assert not started


def test_without_a_network_or_a_cache_it_says_what_to_do(photos, started, capsys):
    assert main(["rank", photos]) == 1
    assert "no network, and no weights in" in capsys.readouterr().err
    assert not started


def test_the_answer_is_printed_and_nothing_ranked_is_a_failure(tmp_path, capsys):
    folder = write_ranking(tmp_path / "results" / "rank" / "pets")
    rank_images.print_answers(tmp_path)
    told = capsys.readouterr().out
    assert "Pets (37 classes, 3,680 training images)" in told
    assert "not ranked: Corrupt file: resources/checkpoints/broken.safetensors" in told
    lines = [line for line in told.splitlines() if line.lstrip()[:1].isdigit()]
    assert len(lines) == 20
    assert "* cannot be told apart from the first" in told
    table = (folder / "ranking.csv").read_text().splitlines()
    broken = [line for line in table if ",broken," in line or line.startswith("rank,")]
    (folder / "ranking.csv").write_text("\n".join(broken) + "\n")
    with pytest.raises(rank_images.PairFault, match="pets: no checkpoint could be ranked"):
        rank_images.print_answers(tmp_path)


def test_offline_needs_no_look_at_the_network(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(connections, "open_url", lambda *_, **__: pytest.fail("asked"))
    assert not connections.is_online()
