"""Near-duplicates are found through compression, scale and brightness; other images are not taken for them."""

import json
import logging

import numpy as np
from PIL import Image

from ckptrank.errors import PairFault
from ckptrank.tasks import twins
from ckptrank.tasks.image_files import ImageFiles
from ckptrank.tasks.twins import count_twins, write_twins


def draw(seed, side=64):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def test_a_compressed_smaller_and_darker_copy_is_a_twin(tmp_path):
    for number in range(20):
        draw(number).save(tmp_path / f"train{number}.png")
    draw(7).resize((50, 50)).point(lambda value: value * 0.9).save(
        tmp_path / "copy.jpg", quality=60
    )
    draw(100).save(tmp_path / "other.png")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    train = ImageFiles(tmp_path, (*(f"train{number}.png" for number in range(20)), "white.png"))
    found = count_twins(train, ImageFiles(tmp_path, ("copy.jpg", "other.png", "white.png")))
    assert found == {"test_looked_at": 3, "test_twins": 1, "examples": ["copy.jpg and train7.png"]}


def test_arrays_are_looked_at_too():
    images = np.stack([np.asarray(draw(seed)) for seed in range(12)])
    found = count_twins(images[:10], images[9:])
    assert (found["test_looked_at"], found["test_twins"]) == (3, 1)
    assert found["examples"] == ["image 0 and image 9"]


def test_a_task_whose_images_cannot_be_used_was_not_looked_at(tmp_path, monkeypatch, caplog):
    def refuse(folder):
        raise PairFault(f"{folder}: 4 unreadable test images")

    monkeypatch.setattr(twins, "open_task", refuse)
    with caplog.at_level(logging.WARNING, "ckptrank"):
        write_twins("photos", tmp_path / "twins.json")
    found = json.loads((tmp_path / "twins.json").read_text())
    assert found["not_looked_at"] == "photos: 4 unreadable test images"
    assert found["test_looked_at"] == 0
    assert "not looked for near-duplicates: photos: 4 unreadable" in caplog.text


def test_a_task_that_was_looked_at_says_nothing_of_it():
    images = np.stack([np.asarray(draw(seed)) for seed in range(4)])
    assert "not_looked_at" not in count_twins(images[:2], images[2:])
