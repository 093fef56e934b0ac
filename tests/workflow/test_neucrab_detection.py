"""presets/neucrab_detection.yaml in miniature, from MoCo's files, VOC and Cityscapes in their folders to the page.

It is the preset as it stands, with a change laid over it: another network than ResNet-50, whose weights are seeded
here and in files of MoCo's form, drawn images, two steps. What is fetched otherwise lies where it would be.
"""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tests.support.annotations import write_cityscapes, write_voc
from tests.support.page_text import Text
from tests.support.workspaces import ROOT, make_workspace
from torchvision.models import get_model

from ckptrank.checkpoints import load_network
from ckptrank.published.neucrab import read_detection
from ckptrank.text import one_decimal

pytestmark = pytest.mark.workflow
PRESET = "presets/neucrab_detection.yaml"
WHOLE = yaml.safe_load((ROOT / PRESET).read_text(encoding="utf-8"))
SIZE = 64, 48
NETWORK = "shufflenet_v2_x0_5"
# The layers that a file of MoCo has in place of the classifier.
PROJECTIONS = {"detect-moco-v1": ["fc"], "detect-moco-v2": ["fc.0", "fc.2"], "detect-moco-v2-800": ["fc.0", "fc.2"]}  # fmt: skip
# torchvision's own files are checked against the hash in their names, which none made here can have.
SUPERVISED = {
    "source": "file",
    "title": "Supervised",
    "library": "torchvision",
    "kind": "supervised",
}
# Those of features are made of both views, a detector that is stopped early of none.
MEASURES = ["linear_1_epoch", "nleep", "finetune_1_epoch"]
VIEWS = {"images": MEASURES, "objects": MEASURES[:2]}
HEADS = {"voc": "faster_rcnn", "cityscapes": "mask_rcnn"}
COMMAND = ("detection", "--configfile", PRESET, "change.yaml")


def place_boxes(generator, names, number):
    """Return what fills a picture but for a margin: one of two ``names``, the other, or both.

    As VOC has it: name, left, top, right, bottom, counted from 1, the last pixel inside.
    """
    margins = generator.integers(0, 4, size=(2, 4)).tolist()
    boxes = [
        (name, 1 + left, 1 + top, SIZE[0] - right, SIZE[1] - bottom)
        for name, (left, top, right, bottom) in zip(names, margins, strict=True)
    ]
    return (boxes[:1], boxes[1:], boxes)[number % 3]


def write_images(devkit, cityscapes):
    """Write VOC as torchvision has it, and Cityscapes as it is unpacked; of two classes each."""
    generator = np.random.default_rng(0)
    years = {"VOC2007": ("trainval", "test"), "VOC2012": ("trainval",)}
    for number, (year, names) in enumerate(years.items()):
        sets = {
            name: {f"{name}_{at}": place_boxes(generator, ("cat", "dog"), at) for at in range(4)}
            for name in names
        }
        write_voc(devkit / year, sets, size=SIZE, first=100 * number)
    streets = {split: {} for split in ("train", "val")}
    # Masks are found for a hundred boxes of each test image, which takes long.
    for split, at in [("train", at) for at in range(4)] + [("val", at) for at in range(2)]:
        numbers = np.full(SIZE[::-1], 7, np.uint16)  # road
        for number, left, top, right, bottom in place_boxes(generator, (26000, 24000), at):
            numbers[top - 1 : bottom, left - 1 : right] = number
        streets[split][f"{split}_{at}"] = numbers
    write_cityscapes(cityscapes, streets)


def dress(state, layers):
    """Return what MoCo's program saves of a network: two encoders with a projection for a classifier, and a queue."""
    kept = {key: values for key, values in state.items() if not key.startswith("fc.")}
    for layer in layers:
        kept |= {f"{layer}.weight": torch.zeros(8, 8), f"{layer}.bias": torch.zeros(8)}
    content = {f"module.encoder_q.{key}": values for key, values in kept.items()}
    content |= {f"module.encoder_k.{key}": values * 0 for key, values in kept.items()}
    content |= {"module.queue": torch.zeros(8, 16), "module.queue_ptr": torch.zeros(1).long()}
    optimizer = {"state": {}, "param_groups": [{"lr": 0.03, "params": [0]}]}
    return {"epoch": 200, "arch": "resnet50", "state_dict": content, "optimizer": optimizer}


def write_weights(folder):
    """Write a file for each checkpoint, MoCo's under their names; return their addresses."""
    files = {name: WHOLE["checkpoints"][name]["weights"].rpartition("/")[2] for name in PROJECTIONS}
    files["detect-supervised"] = "supervised.pth"
    for seed, (name, file) in enumerate(files.items()):
        torch.manual_seed(seed)
        state = get_model(NETWORK, weights=None).state_dict()
        content = dress(state, PROJECTIONS[name]) if name in PROJECTIONS else state
        # As torch.save did it when MoCo's files were made: a pickle that is no archive.
        torch.save(content, folder / file, _use_new_zipfile_serialization=False)
    return {name: (folder / file).as_uri() for name, file in files.items()}


def make_change(folder, addresses):
    """Return what is laid over the preset."""
    checkpoints = {
        name: {"architecture": NETWORK, "weights": address} for name, address in addresses.items()
    }
    checkpoints["detect-supervised"] |= SUPERVISED
    checkpoints["detect-resnet50-scratch"] = {"architecture": NETWORK}
    small = {"measures": MEASURES, "channels": 32, "min_size": 64, "max_size": 64, "examples": 1}
    sweep = {"learning_rates": [0.01], "steps": [2], "batch_size": 2, "warmup": 1, "repeats": 0}
    return {
        "tasks": {"cityscapes": {"path": str(folder / "streets")}},
        "checkpoints": checkpoints,
        "detection": {**small, "finetune": sweep},
        "measures": {"nleep": {"params": {"components_per_class": 1}}},
        "evaluation": {"bootstrap": 20},
        "compute": {"device": "cpu", "worker_memory_mb": 1500},
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of the finished run, and what a second one says."""
    workspace = make_workspace(tmp_path_factory.mktemp("neucrab_detection") / "a run")
    folder = workspace.folder
    write_images(folder / "cache/datasets/VOCdevkit", folder / "streets")
    change = make_change(folder, write_weights(folder))
    (folder / "change.yaml").write_text(yaml.safe_dump(change))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CKPTRANK_CACHE", str(folder / "cache"))
        workspace.run(*COMMAND, preset=None)
        return folder, workspace.run(*COMMAND, "--dry-run", preset=None)


def read(ran, table):
    return pd.read_csv(ran[0] / f"results/detection/{table}.csv")


def test_the_sets_of_both_years_and_of_cityscapes_are_read_where_they_lie(ran):
    tasks = read(ran, "tasks").set_index("task")
    assert tasks.loc["voc", ["train_samples", "test_samples"]].tolist() == [8, 4]
    assert tasks.loc["cityscapes", ["train_samples", "test_samples"]].tolist() == [4, 2]
    assert tasks["masks"].to_dict() == {"voc": False, "cityscapes": True}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_of_mocos_file_one_encoder_without_its_projection_is_taken(ran, name):
    folder = ran[0] / "resources/checkpoints" / name
    assert json.loads((folder / "card.json").read_text())["headless"] == "the file has none"
    address = WHOLE["checkpoints"][name]["weights"]
    saved = torch.load(ran[0] / address.rpartition("/")[2])["state_dict"]
    taken = load_network(folder).backbone.state_dict()
    torch.testing.assert_close(taken["conv5.0.weight"], saved["module.encoder_q.conv5.0.weight"])


def test_every_checkpoint_is_tuned_by_the_head_of_its_task(ran):
    truth = read(ran, "ground_truth")
    assert (truth["status"] == "ok").all(), truth["reason"].tolist()
    tuned = {*WHOLE["detection"]["checkpoints"], *WHOLE["detection"]["unranked"]}
    for task, head in HEADS.items():
        rows = truth[truth["task"] == task]
        assert set(rows["checkpoint"]) == tuned
        assert set(rows["head"]) == {head}
        assert rows["ap"].between(0, 1).all()
        assert rows["mask_ap"].notna().all() == (head == "mask_rcnn")


def test_every_measure_scores_what_is_ranked(ran):
    scores = read(ran, "scores")
    assert (scores["status"] == "ok").all(), scores["reason"].tolist()
    found = scores.groupby(["view", "task", "measure"])["checkpoint"].apply(set)
    assert set(found.index) == {
        (view, task, name) for view, names in VIEWS.items() for task in HEADS for name in names
    }
    assert all(names == set(WHOLE["detection"]["checkpoints"]) for names in found)


def test_table_11_stands_beside_the_run_on_the_chapters_page(ran):
    page = (ran[0] / "results/report/detection/tables.html").read_text(encoding="utf-8")
    text = Text(page).text
    for task, printed in WHOLE["detection"]["published"].items():
        title = WHOLE["tasks"][task]["title"]
        shown = text.partition(f"How well the measures rank: {title} View")[2].partition(
            "Download"
        )[0]
        for measure, numbers in read_detection().loc[printed].iterrows():
            values = 100 * numbers["recall_at_1"], numbers["pearson"], numbers["kendall"]
            beside = " ".join(map(one_decimal, values))
            row = rf"Whole images {re.escape(measure)} (\S+ ){{3}}{re.escape(beside)} "
            assert re.search(row, shown), (task, measure)


def test_a_second_run_does_nothing(ran):
    assert "Nothing to be done" in ran[1]
