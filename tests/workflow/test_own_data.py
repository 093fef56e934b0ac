"""A folder of images, files of weights and a zip of TensorFlow's checkpoints, from the starter config to the tables:
what is sound is ranked, what is broken is a row with its reason."""

import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from safetensors import safe_open
from tests.support.bundles import write_bundle
from tests.support.slim import make_variables
from tests.support.workspaces import make_workspace, planned_jobs

pytestmark = pytest.mark.workflow
SOUND = {"small-resnet": "test_resnet", "small-vit": "test_vit"}
# A part of the first of them, as a checkpoint of its own.
LAYERS = {"small-resnet-early": "layer2"}
# Slim's networks at their full width, the classes of their heads, and what the authors' archive is laid out like.
SLIM = {"mobilenet_v1_025": 1001, "mobilenet_v3_small": 0}
CONFIG = ("--configfile", "my_run/config.yaml")
MEASURES = ["lfc", "logme", "leep", "lgc", "ranking"]
BROKEN = {
    "unreadable": ({"weights": "junk.pth"}, "not a readable checkpoint|not loaded"),
    "other-hash": ({"weights": "test_resnet.safetensors", "sha256": "0" * 64}, "SHA-256 is"),
}


def draw(path, colour, seed):
    pixels = np.random.default_rng(seed).integers(0, 120, (40, 50, 3), dtype=np.uint8)
    pixels[..., colour] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def save_weights(folder, architecture):
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    size = {"img_size": 32} if "vit" in architecture else {}
    model = timm.create_model(architecture, pretrained=False, **size)
    save_file(model.state_dict(), folder / f"{architecture}.safetensors")


def define(folder, architecture, weights, **fields):
    return {
        "source": "file",
        "library": "timm",
        "architecture": architecture,
        "weights": str(folder / weights),
        "kind": "supervised",
        "preprocessing": {"size": 32},
        "arguments": {"img_size": 32} if "vit" in architecture else {},
        **fields,
    }


def archive_bundles(folder):
    """A zip of checkpoints of seeded variables, under the names of the release of Li et al. 2021."""
    for name, classes in SLIM.items():
        prefix = folder / "rank_ckpt" / f"imagenet_{name}" / "model.ckpt-300000"
        write_bundle(prefix, make_variables(name, classes))
    shutil.make_archive(str(folder / "rank_ckpt"), "zip", folder, "rank_ckpt")
    shutil.rmtree(folder / "rank_ckpt")
    return str(folder / "rank_ckpt.zip")


def define_slim(archive, name):
    return {
        "source": "tf_slim",
        "architecture": name,
        "archive": archive,
        "weights": f"rank_ckpt/imagenet_{name}/model.ckpt-300000",
        "source_data": "ImageNet-1k",
        "preprocessing": {"size": 32},
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Three commands: the starter config, the ranking, and the benchmark of it."""
    workspace = make_workspace(tmp_path_factory.mktemp("own") / "a clone")
    folder = workspace.folder / "inputs"
    for number in range(60):
        kind = ("rust", "moss", "sky")[number % 3]
        draw(folder / "photos" / kind / f"{number}.png", number % 3, number)
        draw(folder / "damaged" / kind / f"{number}.png", number % 3, number)
    (folder / "damaged" / "sky" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for architecture in SOUND.values():
        save_weights(folder, architecture)
    (folder / "junk.pth").write_bytes(b"no weights")
    subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ckptrank")), "new", "my_run"),
            *("--images", str(folder / "photos")),
        ],
        cwd=workspace.folder,
        env=workspace.environment,
        check=True,
    )
    file = workspace.folder / "my_run/config.yaml"
    config = yaml.safe_load(file.read_text())
    config["checkpoints"] = {
        name: define(folder, net, f"{net}.safetensors") for name, net in SOUND.items()
    }
    config["checkpoints"] |= {
        name: config["checkpoints"]["small-resnet"] | {"feature_layer": layer}
        for name, layer in LAYERS.items()
    }
    config["checkpoints"] |= {
        name: define(folder, "test_resnet", **fields) for name, (fields, _) in BROKEN.items()
    }
    hashed = sha256((folder / "test_vit.safetensors").read_bytes()).hexdigest()
    config["checkpoints"]["small-vit"]["sha256"] = hashed
    archive = archive_bundles(folder)
    config["checkpoints"] |= {name: define_slim(archive, name) for name in SLIM}
    for name, (fields, _) in BROKEN.items():
        config["checkpoints"][name]["weights"] = str(folder / fields["weights"])
    config["groups"]["candidates"]["checkpoints"] = list(config["checkpoints"])
    damaged = {"path": str(folder / "damaged"), "on_bad_image": "error"}
    config["tasks"]["damaged"] = config["tasks"]["photos"] | damaged
    config["select"] |= {
        "tasks": ["photos", "damaged"],
        "measures": MEASURES,
        "baselines": ["random"],
    }
    config["evaluation"] = {"recommend": "logme", "consensus": [], "bootstrap": 20}
    config["rank"] |= {"measures": ["lfc", "logme"], "resamples": 5}
    config["finetune"] |= {"learning_rates": [0.01], "steps": [3, 6], "batch_size": 16}
    config["finetune"]["keep_weights"] = "best"
    config["compute"] |= {"worker_memory_mb": 1500}
    file.write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CKPTRANK_CACHE", str(folder / "cache"))
        workspace.run("rank", "benchmark", *CONFIG, preset=None)
    return workspace


@pytest.fixture
def ran(finished):
    return finished.folder


def read(ran, table):
    return pd.read_csv(ran / f"results/{table}.csv")


def test_what_is_sound_is_ranked(ran):
    ranking = read(ran, "rank/photos/ranking")
    sound = ranking[ranking["status"] == "ok"]
    assert set(sound["checkpoint"]) == {*SOUND, *LAYERS, *SLIM}
    assert sound["rank"].iloc[0] == 1
    assert sound["rank"].is_monotonic_increasing
    truth = read(ran, "evaluation/ground_truth").set_index(["checkpoint", "task"])
    for name in (*SOUND, *LAYERS, *SLIM):
        assert truth.loc[(name, "photos"), "status"] == "ok"
        assert 0 < truth.loc[(name, "photos"), "accuracy"] <= 1


def test_the_order_that_rank_gave_is_the_order_that_is_judged(ran):
    scores = read(ran, "evaluation/scores")
    for task in ("photos", "damaged"):
        given = read(ran, f"rank/{task}/ranking").set_index("checkpoint")["rank"].dropna()
        judged = scores[(scores["task"] == task) & (scores["measure"] == "ranking")]
        judged = judged.set_index("checkpoint")["score"].dropna()
        assert set(judged.index) == set(given.index) == {*SOUND, *LAYERS, *SLIM}
        places = judged.rank(ascending=False, method="min")
        assert (places[given.index] == given).all()
    metrics = read(ran, "evaluation/metrics").set_index(["measure", "task"])
    # by hand, of the order that rank wrote
    given = read(ran, "rank/photos/ranking").set_index("checkpoint")["rank"].dropna()
    truth = read(ran, "evaluation/ground_truth").set_index(["task", "checkpoint"])["accuracy"]
    tau = truth["photos"][given.index].corr(-given, method="kendall")
    assert metrics.loc[("ranking", "photos"), "kendall"] == pytest.approx(tau, nan_ok=True)


def test_layers_of_a_network_are_ranked_and_tuned_as_the_parts_that_they_end(ran):
    cards = read(ran, "evaluation/checkpoints").set_index("checkpoint")
    scores = read(ran, "evaluation/scores").set_index(["task", "checkpoint", "measure"])["score"]
    for name in LAYERS:
        for column in ("parameters", "forward_gflops"):
            assert cards.loc[name, column] < cards.loc["small-resnet", column]
        assert scores["photos", name, "lfc"] != scores["photos", "small-resnet", "lfc"]


def test_the_tuned_networks_are_kept_where_they_were_asked_for(ran):
    heads = {"small-resnet": "fc", "small-vit": "head"}
    for name in (*SOUND, *LAYERS, *SLIM, *BROKEN):
        with safe_open(ran / f"results/ground_truth/photos/{name}.safetensors", "np") as file:
            facts = json.loads(file.metadata()["ckptrank"])
            if name in BROKEN:
                assert re.search(BROKEN[name][1], facts["reason"])
                continue
            assert facts["classes"] == ["moss", "rust", "sky"]
            assert facts["head"] == heads.get(name, facts["head"])
            assert file.get_tensor(f"{facts['head']}.weight").shape[0] == 3


def test_networks_of_tensorflow_are_scored_by_what_each_measure_needs(ran):
    scores = read(ran, "evaluation/scores")
    rows = scores[(scores["task"] == "photos") & scores["checkpoint"].isin(SLIM)]
    status = rows.set_index(["checkpoint", "measure"])["status"]
    for name, classes in SLIM.items():
        for measure in MEASURES:
            expected = "not_applicable" if measure == "leep" and not classes else "ok"
            assert status[name, measure] == expected, (name, measure)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(
    "table",
    ["evaluation/checkpoints", "evaluation/ground_truth", "evaluation/scores", "rank/photos/ranking",
     "rank/photos/scores"],
)  # fmt: skip
def test_a_broken_checkpoint_is_a_failed_row_with_its_reason_in_every_table(ran, table, name):
    rows = read(ran, table)
    rows = rows[rows["checkpoint"] == name]
    if "measure" in rows:
        rows = rows[rows["measure"].isin(["lfc", "logme"])]
    if "task" in rows:
        rows = rows[rows["task"] == "photos"]
    assert len(rows)
    assert (rows["status"] == "failed").all()
    assert rows["reason"].str.contains(BROKEN[name][1]).all(), rows["reason"].tolist()


@pytest.mark.parametrize("table", ["evaluation/ground_truth", "evaluation/scores"])
def test_a_task_with_an_unreadable_test_image_fails_alone(ran, table):
    rows = read(ran, table)
    rows = rows[rows["task"] == "damaged"]
    if "measure" in rows:  # the order of rank sees training images alone
        rows = rows[~rows["measure"].isin(["random", "ranking"])]
    rows = rows[~rows.get("checkpoint", pd.Series("", rows.index)).isin(BROKEN)]
    assert len(rows)
    assert (rows["status"] == "failed").all()
    assert rows["reason"].str.contains("cut.png: unreadable image").all()


def test_a_ranking_does_without_test_images(ran):
    ranking = read(ran, "rank/damaged/ranking").set_index("checkpoint")
    assert ranking.loc[list(SOUND), "rank"].notna().all()
    warnings = read(ran, "evaluation/tasks").set_index("task").loc["damaged", "warnings"]
    assert "1 unreadable test images" in warnings


def test_images_are_decoded_once_for_all_networks_of_one_preprocessing(ran):
    files = sorted((ran / "resources/images/photos").glob("*/*/train.npy"))
    distinct = {path.stat().st_ino for path in files}
    assert len(files) >= len(distinct) > 0
    logs = [path.read_text() for path in (ran / "logs/features").glob("*images/photos/*.log")]
    assert sum("decoding train images" in log for log in logs) == len(distinct)


def test_a_file_that_is_copied_again_counts_as_new_only_where_no_hash_is_stated(finished):
    def plan_after_touching(name):
        os.utime(finished.folder / f"inputs/{name}.safetensors")
        return planned_jobs(finished.run("rank", "benchmark", *CONFIG, "--dry-run", preset=None))

    assert not plan_after_touching("test_vit")
    # the network, its part, and the one that failed with another hash
    assert plan_after_touching("test_resnet")["prepare_checkpoint"] == 3
