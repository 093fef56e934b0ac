"""Detectors of each kind, trained for a step or two on drawn scenes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.scenes import HEAD, make_pair, prepare_scenes, prepare_scratch

from ckptrank.checkpoints import load_network
from ckptrank.detection import train as module
from ckptrank.detection.data import load_split
from ckptrank.detection.heads import HEADS
from ckptrank.detection.masks import NOWHERE, decode_masks, paint_classes
from ckptrank.detection.train import train_detector
from ckptrank.detection.tune import DetectorRunner
from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json, write_json
from ckptrank.finetune.ground_truth import write_whole_sweep
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.sweep import Pair, run_sweep
from ckptrank.tasks.annotated import encode_pixels
from ckptrank.tasks.objects import Annotation, Faults, gather_objects
from ckptrank.tasks.prepare import prepare_task
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return open_task(prepare_scenes(tmp_path_factory.mktemp("t") / "scenes"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return prepare_scratch(tmp_path_factory.mktemp("c") / "net")


def run(scenes, checkpoint, head=HEAD, budgets=(2,), **options):
    train, test = (load_split(scenes, split, head.shapes) for split in ("train", "test"))
    return train_detector(
        load_network(checkpoint),
        train,
        test,
        classes=8,
        head=head,
        recipe=Recipe(0.02, 4, budgets),
        seed=3,
        device=CPU,
        **options,
    )


@pytest.mark.parametrize("name", HEADS)
def test_each_head_trains_and_is_tested(scenes, checkpoint, name):
    head, losses = replace(HEAD, head=name), []
    found = run(scenes, checkpoint, head, losses=losses, examples=2)
    assert set(found[2]["metrics"]) == set(head.metrics)
    assert all(0 <= value <= 1 for value in found[2]["metrics"].values())
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert [each["image"] for each in found[2]["examples"]] == [0, 1]
    assert ["masks" in each for each in found[2]["examples"]] == [bool(head.shapes)] * 2


def test_the_masks_of_sure_detections_are_kept_for_json():
    solid = np.zeros((3, 6, 8), np.uint8)
    solid[0, :2], solid[1, 3:, 4:], solid[2, :, 7] = 1, 1, 1
    codes = [{"size": [6, 8], "counts": encode_pixels(mask)} for mask in solid]
    found = {
        "boxes": np.arange(12, dtype=np.float32).reshape(3, 4),
        "labels": np.array([4, 0, 2]),
        "scores": np.array([0.9, 0.1, 0.5]),
        "masks": codes,
    }
    kept = json.loads(json.dumps(module._describe(7, found)))
    assert (kept["image"], kept["labels"], kept["scores"]) == (7, [4, 2], [0.9, 0.5])
    assert decode_masks(kept["masks"], (6, 8)).tolist() == solid[[0, 2]].tolist()
    del found["masks"]
    assert "masks" not in module._describe(7, found)


def test_the_classes_of_pixels_are_kept_as_they_were_tested(scenes, checkpoint, monkeypatch):
    tested = []

    class Watching(module.Confusion):
        def add(self, truth, found):
            tested.append(found)
            super().add(truth, found)

    monkeypatch.setattr(module, "Confusion", Watching)
    head = replace(HEAD, head="fcn")
    found = run(scenes, checkpoint, head, examples=2)[2]
    assert found["metrics"] == run(scenes, checkpoint, head)[2]["metrics"]
    examples = json.loads(json.dumps(found["examples"]))
    for example, pixels in zip(examples, tested[:2], strict=True):
        painted = np.zeros_like(pixels)
        masks = decode_masks(example["masks"], pixels.shape)
        for mask, label in zip(masks, example["labels"], strict=True):
            painted += mask * (label + 1)
        assert example["labels"]
        assert painted.tolist() == pixels.tolist()


def test_equal_seeds_give_equal_runs_and_a_killed_one_goes_on(
    scenes, checkpoint, tmp_path, monkeypatch
):
    whole, again, resumed = [], [], []
    first = run(scenes, checkpoint, budgets=(1, 3), losses=whole)
    assert run(scenes, checkpoint, budgets=(1, 3), losses=again) == first
    assert whole == again
    options = {"budgets": (1, 3), "resume_path": tmp_path / "state.pt", "losses": resumed}
    monkeypatch.setattr("ckptrank.finetune.resume.SAVE_EVERY_SECONDS", -1.0)
    real = module.seed_from

    def die(*parts):
        if parts[1:] == ("step", 2):
            raise KeyboardInterrupt
        return real(*parts)

    monkeypatch.setattr(module, "seed_from", die)
    with pytest.raises(KeyboardInterrupt):
        run(scenes, checkpoint, **options)
    monkeypatch.setattr(module, "seed_from", real)
    assert run(scenes, checkpoint, **options) == first
    assert resumed == whole
    assert not (tmp_path / "state.pt").exists()


@pytest.mark.parametrize("changed", ["checkpoint", "task", "nothing"])
def test_a_killed_run_is_not_gone_on_with_by_other_weights_or_images(
    tmp_path, monkeypatch, changed
):
    pair, taken, stop = make_pair(tmp_path), [], [2]
    monkeypatch.setattr("ckptrank.finetune.resume.SAVE_EVERY_SECONDS", -1.0)
    real = module.seed_from

    def watch(*parts):
        if parts[1] == "step":
            if parts[2] in stop:
                raise KeyboardInterrupt
            taken.append(parts[2])
        return real(*parts)

    monkeypatch.setattr(module, "seed_from", watch)
    runner = make_runner(pair, tmp_path / "a.json")
    with pytest.raises(KeyboardInterrupt):
        runner.tune(0.01, 1, [3], "a run")
    stop.clear()
    taken.clear()
    # The same names, in whose folders another preparation has left something else.
    file, key = {
        "checkpoint": (pair.checkpoint_folder / "card.json", "feature_layer"),
        "task": (pair.task_folder / "task.json", "digest"),
        "nothing": (pair.task_folder / "task.json", "description"),
    }[changed]
    write_json(file, {**read_json(file), key: "another"})
    make_runner(pair, tmp_path / "a.json").tune(0.01, 1, [3], "a run")
    assert taken == ([2] if changed == "nothing" else [0, 1, 2])


def test_a_run_that_diverges_finds_nothing(scenes, checkpoint, monkeypatch, caplog):
    monkeypatch.setattr(
        module.DetectorLoss,
        "forward",
        lambda self, batch: next(self.parameters()).sum() * float("nan"),
    )
    found = run(scenes, checkpoint, budgets=(1, 2))
    assert [each["metrics"]["ap"] for each in found.values()] == [0, 0]
    assert "this run diverged" in caplog.text


SETTINGS = {
    "steps": [1, 2],
    "batch_size": 4,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "scratch_weight_decay": 0.0,
    "warmup": 0,
    "detector": vars(HEAD) | {"strides": list(HEAD.strides)},
    "examples": 1,
}


def make_runner(pair, output, **changes):
    settings = SETTINGS | {"detector": SETTINGS["detector"] | changes}
    return DetectorRunner(pair, settings, output=output, device=CPU, precision="auto")


def test_a_sweep_with_a_repeat_is_the_ground_truth(tmp_path):
    runner = make_runner(make_pair(tmp_path), tmp_path / "sweep.json")
    write_whole_sweep(runner, [0.01, 0.02], tmp_path / "truth.json", repeats=1)
    truth = read_json(tmp_path / "truth.json")
    assert truth["status"] == "ok"
    assert len(truth["sweep"]) == 4
    assert truth["details"]["metrics"]["ap"] == truth["accuracy"]
    assert [each["image"] for each in truth["details"]["examples"]] == [0]
    assert len(truth["repeat_accuracies"]) == 1
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["sweep.json", "truth.json"]
    assert not list(tmp_path.glob(".sweep*"))


def test_validation_images_choose_a_detectors_setting(tmp_path, monkeypatch):
    pair = make_pair(tmp_path, train=12, validation=0.25)
    seen, real = [], module.test_detector

    def look(detector, images, **options):
        seen.append(len(images))
        found = real(detector, images, **options)
        on_validation = len(images) == 3
        value = len(seen) / 10 if on_validation else -len(seen) / 100
        return {**found, "metrics": found["metrics"] | {"ap": value}}

    monkeypatch.setattr(module, "test_detector", look)
    write_whole_sweep(
        make_runner(pair, tmp_path / "sweep.json"), [0.01], tmp_path / "truth.json", repeats=0
    )
    truth = read_json(tmp_path / "truth.json")
    assert seen == [6, 3, 6, 3]
    assert (truth["steps"], truth["accuracy"], truth["validation_accuracy"]) == (2, -0.03, 0.4)
    assert truth["details"]["validation"]["ap"] == 0.4
    assert "accuracy_low" not in truth


def test_validation_images_without_an_object_choose_nothing(tmp_path, monkeypatch):
    pair = make_pair(tmp_path, train=12, validation=0.25)

    def load_without(task, split, shapes):
        loaded = load_split(task, split, shapes)
        crowd = task.validation()[loaded.objects.images] if split == "train" else False
        return replace(loaded, objects=replace(loaded.objects, crowd=loaded.objects.crowd | crowd))

    monkeypatch.setattr("ckptrank.detection.tune.load_split", load_without)
    with pytest.raises(PairFault, match="its validation images have no object to find"):
        make_runner(pair, tmp_path / "a.json").run(0.1, seed=0, description="")


def test_what_cannot_be_a_detector_is_a_row_with_its_reason(tmp_path):
    pair = make_pair(tmp_path, "vit")
    record = run_sweep(make_runner(pair, tmp_path / "a.json"), [0.01])
    assert (record["status"], record["reason"][:25]) == ("failed", "its last feature map, of ")
    prepare_task({"source": "builtin", "name": "tissue", "train": 4, "test": 4}, tmp_path / "t")
    flat = Pair("net", "tissue", pair.checkpoint_folder, tmp_path / "t")
    record = run_sweep(make_runner(flat, tmp_path / "b.json"), [0.01])
    assert record["reason"] == "t: its images have no boxes; detection needs a source that has"


def test_boxes_alone_are_too_little_for_masks(tmp_path, monkeypatch):
    pair = make_pair(tmp_path)
    real = module.ObjectImages
    monkeypatch.setattr(
        "ckptrank.detection.tune.load_split",
        lambda task, split, shapes: real(
            task.images(split), task.objects(split).without_masks(), shapes
        ),
    )
    with pytest.raises(PairFault, match="its objects have no masks, which mask_rcnn learns"):
        make_runner(pair, tmp_path / "a.json", head="mask_rcnn").run(0.1, seed=0, description="")


def test_the_smaller_object_is_in_front_and_crowds_count_nowhere():
    from faster_coco_eval.core import mask as codes

    def annotate(name, side, crowd=False):
        canvas = np.zeros((6, 6), np.uint8)
        canvas[:side, :side] = 1
        code = codes.encode(np.asfortranarray(canvas))["counts"]
        return Annotation("", name, (0, 0, side, side), crowd, code)

    listed = [annotate("a", 2), annotate("b", 4), annotate("b", 5, crowd=True)]
    objects = gather_objects([((6, 6), listed)], ["a", "b"], Faults())
    pixels = paint_classes(objects, 0)
    assert pixels[0].tolist() == [1, 1, 2, 2, NOWHERE, 0]
