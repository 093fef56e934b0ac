"""`snakemake detection` and `snakemake rank` on a folder of Pascal VOC's layout, from the images to the pages; `rank` on a
file in COCO's format too.

The networks are code of one's own with seeded weights: two with feature maps, and one without, which is a row with its
reason.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image, ImageDraw
from safetensors.numpy import save_file
from tests.support.annotations import write_voc
from tests.support.page_text import Text
from tests.support.workspaces import make_workspace, planned_jobs

from ckptrank.tasks import load_task

pytestmark = pytest.mark.workflow
PRESET = "boxes.yaml"
TARGETS = ("detection", "rank")
SIDE = 64
COLOURS = {"cat": "orange", "dog": "navy"}
NETWORKS = """
from torch import nn

def make_stages(width):
    sizes = [3, width, width, width, width]
    halves = [nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in zip(sizes, sizes[1:])]
    stages = [nn.Sequential(half, nn.ReLU()) for half in halves]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))

def make_flat():
    layers = [nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)]
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)
"""
WIDTHS = {"narrow": 8, "wide": 12}
FLAT = "flat"
TITLES = {"narrow": "Narrow", "wide": "Wide", FLAT: "No maps"}
VIEWS = {"images": "Whole images", "objects": "Objects"}
MEASURES = ["lfc", "logme"]
STOPPED_EARLY = "finetune_1_epoch"
CONFIG = """
select: {tasks: [boxes], groups: [candidates], measures: [lfc, logme]}
tasks:
  boxes: {source: voc, title: Cats and dogs, path: VOC}
checkpoints:
  narrow: {source: file, title: Narrow, library: python, architecture: "networks.py:make_stages", arguments: {width: 8}, weights: narrow.safetensors, kind: supervised, preprocessing: {size: 64}}
  wide: {source: file, title: Wide, library: python, architecture: "networks.py:make_stages", arguments: {width: 12}, weights: wide.safetensors, kind: supervised, preprocessing: {size: 64}}
  flat: {source: file, title: No maps, library: python, architecture: "networks.py:make_flat", weights: flat.safetensors, kind: supervised, preprocessing: {size: 64}}
groups:
  candidates: {title: Candidates, checkpoints: [narrow, wide, flat]}
detection:
  tasks: [boxes]
  checkpoints: [narrow, wide, flat]
  measures: [lfc, logme, finetune_1_epoch]
  strides: [4, 8, 16]
  channels: 32
  min_size: 64
  max_size: 64
  finetune: {learning_rates: [0.01, 0.03], steps: [2], decay_at: [0.5], batch_size: 4, warmup: 1}
  examples: 2
rank: {measures: [lfc, logme], resamples: 3}
evaluation: {bootstrap: 20, consensus: [], recommend: lfc}
compute: {device: cpu, worker_memory_mb: 1500}
"""


def draw_scenes(root):
    """Write 16 scenes for training and 8 for the test, each with one to three things in their class's colour."""
    generator = np.random.default_rng(0)
    sets = {"trainval": {}, "test": {}}
    for number in range(24):
        corners = generator.integers(2, 36, size=(1 + number % 3, 2)).tolist()
        sets["test" if number > 15 else "trainval"][f"{number:02d}"] = [
            (list(COLOURS)[(number // 3 + place) % 2], left, top, left + 26, top + 20)
            for place, (left, top) in enumerate(corners)
        ]
    write_voc(root, sets, size=(SIDE, SIDE))
    for name, things in (item for images in sets.values() for item in images.items()):
        path = root / "JPEGImages" / f"{name}.jpg"
        image = Image.open(path)
        for kind, *box in things:
            ImageDraw.Draw(image).rectangle(box, fill=COLOURS[kind])
        image.save(path)


def write_networks(folder):
    """Write the code of the networks, and seeded weights of each."""
    (folder / "networks.py").write_text(NETWORKS)
    shapes = {FLAT: {"2.weight": (6, 3), "2.bias": (6,), "4.weight": (2, 6), "4.bias": (2,)}}
    for name, width in WIDTHS.items():
        stages = {f"{at}.0.weight": (width, width if at else 3, 3, 3) for at in range(4)}
        biases = {f"{at}.0.bias": (width,) for at in range(4)}
        shapes[name] = {**stages, **biases, "6.weight": (2, width), "6.bias": (2,)}
    generator = np.random.default_rng(0)
    for name, tensors in shapes.items():
        drawn = {key: generator.normal(0, 0.3, shape) for key, shape in tensors.items()}
        weights = {key: values.astype(np.float32) for key, values in drawn.items()}
        save_file(weights, folder / f"{name}.safetensors")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The finished run, and the jobs that it was."""
    workspace = make_workspace(tmp_path_factory.mktemp("detection") / "a run")
    (workspace.folder / "presets" / PRESET).write_text(CONFIG)
    write_networks(workspace.folder)
    draw_scenes(workspace.folder / "VOC")
    return workspace, planned_jobs(workspace.run(*TARGETS, preset=PRESET))


def read(ran, table):
    return pd.read_csv(ran[0].folder / f"results/{table}.csv")


def read_page(ran, name):
    return Text((ran[0].folder / f"results/report/{name}.html").read_text(encoding="utf-8")).text


def test_each_checkpoint_is_tuned_and_seen_in_both_views(ran):
    jobs = ran[1]
    assert jobs["extract_features"] == jobs["extract_objects"] == len(TITLES)
    assert jobs["finetune_detector"] == jobs["select_detector"] == len(TITLES)
    assert jobs["measure_detector"] == len(TITLES)
    assert all(jobs[f"score_{view}_{measure}"] == 1 for view in VIEWS for measure in MEASURES)
    assert jobs["score_detector"] == len(TITLES)
    assert {"finetune", "select_best"}.isdisjoint(jobs)


def test_a_checkpoint_without_maps_is_a_row_with_its_reason_and_stops_no_other(ran):
    truth = read(ran, "detection/ground_truth").set_index("checkpoint")
    assert truth.loc[FLAT, "status"] == "failed"
    assert "gives no feature maps at two of the strides 4, 8, 16" in truth.loc[FLAT, "reason"]
    tuned = truth.loc[list(WIDTHS)]
    assert (tuned["status"] == "ok").all(), tuned["reason"].tolist()
    assert tuned["ap"].between(0, 1).all()
    assert tuned["learning_rate"].isin([0.01, 0.03]).all()
    assert (truth["runs"] == 1).all()


def test_both_views_are_scored(ran):
    scores = read(ran, "detection/scores").set_index(["view", "measure", "checkpoint"])
    assert len(scores) == (len(VIEWS) * len(MEASURES) + 1) * len(TITLES)
    lost = scores[scores["status"] != "ok"]
    unseen = [("objects", measure, FLAT) for measure in MEASURES]
    assert sorted(lost.index) == [("images", STOPPED_EARLY, FLAT), *unseen]
    assert lost["reason"].str.contains("gives no feature maps").all()


def test_a_detector_is_stopped_after_an_epoch(ran):
    scores = read(ran, "detection/scores").set_index(["measure", "checkpoint"]).loc[STOPPED_EARLY]
    assert (scores["view"] == "images").all()
    tuned = scores.loc[list(WIDTHS)]
    assert (tuned["status"] == "ok").all(), tuned["reason"].tolist()
    assert tuned["score"].between(0, 1).all()
    assert (tuned["notes"] == '{"steps": 4}').all()  # 16 images by fours
    assert (tuned[["seconds", "gmacs"]] > 0).all(axis=None)
    metrics = read(ran, "detection/metrics").set_index("measure")
    assert list(metrics.loc[[STOPPED_EARLY], "group"]) == ["images"]


def test_the_tasks_objects_are_counted(ran):
    row = read(ran, "detection/tasks").set_index("task").loc["boxes"]
    assert (row["train_samples"], row["test_samples"]) == (16, 8)
    assert (row["train_objects"], row["test_objects"]) == (31, 17)


def test_the_pages_of_detection_have_precisions_scores_and_what_is_lost(ran):
    first, tables = read_page(ran, "detection/index"), read_page(ran, "detection/tables")
    assert "Cats and dogs: of 2 fine-tuned checkpoints" in first
    assert "1 pair could not be fine-tuned" in first
    stopped = "Fine-tune (1 epoch) is a detector that was stopped early"
    for words in (*TITLES.values(), *VIEWS.values(), "AP50", "gives no feature maps", stopped):
        assert words in tables, words
    assert (ran[0].folder / "results/report/detection/provenance.html").is_file()


def test_the_pages_of_the_ranking_speak_of_boxes_and_detectors(ran):
    overview, page = read_page(ran, "rank"), read_page(ran, "rank/boxes")
    assert all("2 classes, 16 training images with 31 objects" in each for each in (overview, page))
    for words in (
        "The images have boxes, 1.9 an image",
        "make detect fine-tunes detectors",
        "by the classes in the images. The order of detectors can be another",
        "With 8 test images average precisions hang on single images",
        "which no benchmark has measured for these measures or this kind of task",
        "Rank against cost",
    ):
        assert words in page, words
    for words in ("points of accuracy", "for this device", "Accuracy against", "the probe"):
        assert words not in page, words


def test_the_ranking_has_the_costs_of_detectors_and_no_place_for_what_carries_none(ran):
    table = read(ran, "rank/boxes/ranking").set_index("checkpoint")
    assert table.loc[list(WIDTHS), "rank"].isin([1, 2]).all()
    assert (table.loc[FLAT, "status"], pd.isna(table.loc[FLAT, "rank"])) == ("failed", True)
    reason = "carries no detector: gives no feature maps at two of the strides 4, 8, 16"
    assert table.loc[FLAT, "reason"].startswith(reason)
    folder = ran[0].folder / "results/rank/boxes/detectors"
    took = {name: json.loads((folder / f"{name}.json").read_text()) for name in WIDTHS}
    for name, found in took.items():
        assert table.loc[name, "finetune_seconds"] == pytest.approx(2 * found["step_seconds"])
        held = 3 * 4 * found["parameters"] + found["kept_bytes"]
        assert table.loc[name, "finetune_memory_mb"] == pytest.approx(held / 1e6)
    assert took["wide"]["kept_bytes"] > took["narrow"]["kept_bytes"]
    assert table.loc[FLAT, ["finetune_seconds", "finetune_memory_mb"]].isna().all()
    page = read_page(ran, "rank/boxes")
    for words in ("Tuning a detector", "Detector's memory", "No maps", reason):
        assert words in page, words


def test_the_first_of_the_ranking_is_tuned_as_a_detector(ran, tmp_path):
    workspace = ran[0].copy(tmp_path / "a copy")
    preset = workspace.folder / "presets" / PRESET
    preset.write_text(CONFIG.replace("resamples: 3", "resamples: 3, finetune_top: 1"))
    planned = planned_jobs(workspace.run("rank", preset=PRESET))
    assert planned.keys().isdisjoint({"finetune", "select_best"})
    first = read((workspace,), "rank/boxes/ranking").iloc[0]
    path = f"results/detection/ground_truth/boxes/{first['checkpoint']}.json"
    reached = json.loads((workspace.folder / path).read_text())["accuracy"]
    assert first["tuned_accuracy"] == pytest.approx(reached)
    page = read_page((workspace,), "rank/boxes")
    assert f"Fine-tuned as detectors to check, {first['title']} reaches" in page
    assert f"{100 * reached:.1f} % AP" in page
    assert "Tuned accuracy" not in page


def test_a_second_run_does_nothing(ran):
    assert "Nothing to be done" in ran[0].run(*TARGETS, "--dry-run", preset=PRESET)


def test_more_steps_of_the_head_rerun_detectors_and_what_is_made_of_them(ran, tmp_path):
    workspace = ran[0].copy(tmp_path / "a copy")
    preset = workspace.folder / "presets" / PRESET
    preset.write_text(CONFIG.replace("steps: [2]", "steps: [3]"))
    planned = planned_jobs(workspace.run(*TARGETS, "--dry-run", preset=PRESET))
    assert planned["finetune_detector"] == planned["select_detector"] == len(TITLES)
    # Pages on what ran show the config, and pages lead to them.
    computed = {name for name in planned if not name.startswith("render_")} - {*TARGETS}
    detectors = {"finetune_detector", "select_detector", "collect_detection"}
    # The ranking says what a run of so many steps takes, from the measurement that there is.
    assert computed == detectors | {"order_checkpoints", "explain_first", "add_tuned_accuracy"}


def write_coco_of(root, file, only=None, empty=True):
    """Write the scenes of a folder of VOC's layout as an annotation file whose images stay where they are.

    ``only``: the class whose objects are told; ``empty``: images without objects stay in the file.
    """
    task = load_task({"source": "voc", "path": str(root)})
    images, annotations = [], []
    for split in ("train", "test"):
        objects = task.objects(split)
        for number, path in enumerate(task.images(split).paths):
            image = len(images) + 1
            told = [
                row
                for row in objects.rows(number)
                if only in (None, task.classes[objects.labels[row]])
            ]
            if not told and not empty:
                continue
            images.append({"id": image, "file_name": path, "height": SIDE, "width": SIDE})
            for row in told:
                left, top, right, bottom = objects.boxes[row].tolist()
                box = [left, top, right - left, bottom - top]
                category = int(objects.labels[row]) + 1
                annotations.append({"image_id": image, "category_id": category, "bbox": box})
    categories = [{"id": at, "name": name} for at, name in enumerate(task.classes, start=1)]
    listed = [{"id": at, **each} for at, each in enumerate(annotations)]
    content = {"images": images, "annotations": listed, "categories": categories}
    file.write_text(json.dumps(content))


def test_a_file_in_cocos_format_is_ranked(tmp_path):
    workspace = make_workspace(tmp_path / "of coco")
    write_networks(workspace.folder)
    draw_scenes(workspace.folder / "VOC")
    write_coco_of(workspace.folder / "VOC", workspace.folder / "boxes.json")
    coco = "source: coco, title: Cats and dogs, path: boxes.json, images: VOC, test_fraction: 0.25"
    voc = "source: voc, title: Cats and dogs, path: VOC"
    assert voc in CONFIG
    (workspace.folder / "presets" / PRESET).write_text(CONFIG.replace(voc, coco))
    workspace.run("rank", preset=PRESET)
    order = read((workspace,), "rank/boxes/ranking").set_index("checkpoint")
    assert set(order.index[order["rank"].notna()]) == set(WIDTHS)
    page = read_page((workspace,), "rank/boxes")
    assert "2 classes, 1" in page
    assert "The images have boxes" in page


ONE_CLASS = """
  some: {source: coco, title: Cats in some, path: some.json, images: VOC, test_fraction: 0.25}
  every: {source: coco, title: Cats in all, path: every.json, images: VOC, test_fraction: 0.25}"""
ALIKE = "every sample has every class, there is nothing to tell apart"


@pytest.fixture(scope="module")
def of_one_class(tmp_path_factory):
    """The finished run for two files of one class: some of whose images have no object, and all of whose have one."""
    workspace = make_workspace(tmp_path_factory.mktemp("detection") / "one class")
    write_networks(workspace.folder)
    draw_scenes(workspace.folder / "VOC")
    for name, empty in (("some", True), ("every", False)):
        write_coco_of(workspace.folder / "VOC", workspace.folder / f"{name}.json", "cat", empty)
    config = CONFIG.replace("\n  boxes: {source: voc, title: Cats and dogs, path: VOC}", ONE_CLASS)
    config = config.replace("tasks: [boxes]", "tasks: [some, every]").replace(
        "wide, flat]", "wide]"
    )
    (workspace.folder / "presets" / PRESET).write_text(config)
    workspace.run(*TARGETS, preset=PRESET)
    return workspace


def test_where_some_images_lack_the_one_class_checkpoints_are_ranked_by_that(of_one_class):
    order = read((of_one_class,), "rank/some/ranking").set_index("checkpoint")
    assert set(order.index[order["rank"].notna()]) == set(WIDTHS)
    page = read_page((of_one_class,), "rank/some")
    assert "1 class, " in page
    assert "without the one class: what the scores say hangs on so few images" in page


def test_where_no_image_lacks_it_nothing_is_ranked_and_the_reason_is_said(of_one_class):
    order = read((of_one_class,), "rank/every/ranking")
    assert order["rank"].isna().all()
    assert order["reason"].str.contains(ALIKE).all()
    page = read_page((of_one_class,), "rank/every")
    for words in ("No checkpoint could be ranked", ALIKE, "make detect does so"):
        assert words in page, words


def test_of_one_class_detectors_are_tuned_and_measures_that_cannot_score_are_rows(of_one_class):
    truth = read((of_one_class,), "detection/ground_truth")
    assert set(truth["task"]) == {"some", "every"}
    assert (truth["status"] == "ok").all(), truth["reason"].tolist()
    scores = read((of_one_class,), "detection/scores").set_index(["view", "task", "measure"])
    for measure in MEASURES:
        assert (scores.loc[("images", "some", measure), "status"] == "ok").all()
        assert scores.loc[("images", "every", measure), "reason"].str.contains(ALIKE).all()
        for task in ("some", "every"):
            reasons = scores.loc[("objects", task, measure), "reason"]
            assert reasons.str.contains("fewer than two classes").all()
    assert "Cats in all" in read_page((of_one_class,), "detection/index")


def test_without_a_measure_to_rank_by_it_stops_before_any_job_and_detectors_are_tuned(
    of_one_class, tmp_path
):
    workspace = make_workspace(tmp_path / "no measure")
    text = (of_one_class.folder / "presets" / PRESET).read_text()
    text = text.replace("rank: {measures: [lfc, logme]", "rank: {measures: []")
    (workspace.folder / "presets" / PRESET).write_text(text)
    for name in ("some", "every"):
        (workspace.folder / f"{name}.json").write_text("{}")
    write_networks(workspace.folder)
    said = workspace.run("rank", "--dry-run", check=False, preset=PRESET)
    assert "rank.measures: is empty, so that there is nothing to rank by" in said
    assert "make detect" in said
    assert not planned_jobs(said)
    planned = planned_jobs(workspace.run("detection", "--dry-run", preset=PRESET))
    assert planned["finetune_detector"] == 2 * len(WIDTHS)


def write_masks(root):
    """Write the masks of the first scenes of each set, a thing's pixels numbered as its annotation is, and their lists."""
    task = load_task({"source": "voc", "path": str(root)})
    for folder in ("SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir()
    for split, listed, count in (("train", "trainval", 6), ("test", "test", 4)):
        names = [Path(path).stem for path in task.images(split).paths[:count]]
        objects = task.objects(split)
        for image, name in enumerate(names):
            numbers = Image.new("L", (SIDE, SIDE))
            for number, row in enumerate(objects.rows(image), start=1):
                left, top, right, bottom = objects.boxes[row]
                box = left, top, right - 1, bottom - 1
                ImageDraw.Draw(numbers).rectangle(box, fill=number)
            numbers.save(root / f"SegmentationObject/{name}.png")
        (root / f"ImageSets/Segmentation/{listed}.txt").write_text("\n".join(names))


def test_with_masks_each_pixel_is_told_by_an_fcn(tmp_path):
    workspace = make_workspace(tmp_path / "of pixels")
    write_networks(workspace.folder)
    draw_scenes(workspace.folder / "VOC")
    write_masks(workspace.folder / "VOC")
    config = yaml.safe_load(CONFIG)
    config["tasks"]["boxes"]["masks"] = True
    small = {"checkpoints": list(WIDTHS), "measures": ["lfc"], "views": ["objects"]}
    config["detection"] |= {"head": "fcn", **small}
    (workspace.folder / "presets" / PRESET).write_text(yaml.safe_dump(config))
    workspace.run("detection", preset=PRESET)
    task = read((workspace,), "detection/tasks").loc[0]
    assert (task["masks"], task["train_samples"], task["test_samples"]) == (True, 6, 4)
    truth = read((workspace,), "detection/ground_truth")
    assert list(truth["checkpoint"]) == list(WIDTHS)
    assert (truth["status"] == "ok").all(), truth["reason"].tolist()
    assert (truth["head"] == "fcn").all()
    # The ground is most of a scene.
    assert truth["miou"].between(0.1, 1).all()
    assert (truth["accuracy"] == truth["miou"]).all()
    assert truth["ap"].isna().all()
    page = read_page((workspace,), "detection/tables")
    assert "FCN, a class for each pixel" in page
    assert "mIoU" in page
