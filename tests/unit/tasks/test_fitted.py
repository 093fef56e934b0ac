"""A task's images at a network's size: made once for a pair, shared by pairs that want the same."""

import mmap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import write, write_classes

from ckptrank.errors import PairFault
from ckptrank.files.atomic import read_json
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.tasks import fitted, load_task
from ckptrank.tasks.fitted import FACTS, write_failed, write_fitted
from ckptrank.tasks.images import load_images
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import open_task, save_task
from ckptrank.tasks.task import TaskData

PREPROCESSING = Preprocessing(8, (0.5,) * 3, (0.5,) * 3, "bilinear", 0.8)


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    first = write_classes(root / "train", {"cat": 3, "dog": 3})
    write_classes(root / "test", {"cat": 2, "dog": 2}, first)
    return root


def prepare(photos, tmp_path):
    task, findings = inspect_task(load_task({"source": "folder", "path": str(photos)}))
    save_task(task, tmp_path / "tasks/photos", findings)
    return open_task(tmp_path / "tasks/photos")


def prepare_arrays(tmp_path, size):
    generator = np.random.default_rng(0)
    splits = [
        (generator.integers(0, 256, (count, *size, 3), dtype=np.uint8), np.arange(count) % 2)
        for count in (70, 5)
    ]
    task, findings = inspect_task(TaskData(("a", "b"), *splits[0], *splits[1]))
    save_task(task, tmp_path / "tasks/arrays", findings)
    return open_task(tmp_path / "tasks/arrays")


def change(**fields):
    return Preprocessing.from_dict({**PREPROCESSING.to_dict(), **fields})


def test_a_split_knows_the_arrays_it_was_made_of(photos, tmp_path):
    task = prepare_arrays(tmp_path, (6, 5))
    write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=2)
    images = load_images(task, "test", PREPROCESSING, tmp_path / "images/net/both")
    kept = images.limited_to(np.array([4, 1]))
    assert kept.as_stored().read(np.array([0, 1])).shape == (2, 6, 5, 3)
    made = kept.preprocessing.fit(kept.as_stored().read(np.array([0, 1])).numpy())
    assert np.array_equal(made, kept.read(np.array([0, 1])))

    as_they_are = load_images(prepare_arrays(tmp_path / "own", (8, 8)), "test", change(crop=1.0))
    assert as_they_are.stored is None
    files = prepare(photos, tmp_path)
    write_fitted(files, PREPROCESSING, tmp_path / "images2/net/both", workers=2)
    folder = tmp_path / "images2/net/both"
    assert load_images(files, "test", PREPROCESSING, folder).stored is None


def test_every_pixel_is_as_the_network_wants_it(photos, tmp_path):
    write(photos / "train/cat/2.png", 40, size=(30, 11))
    Image.new("L", (1, 1), 7).save(photos / "train/dog/0.png")
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=2)
    images = load_images(task, "train", PREPROCESSING, tmp_path / "images/net/both")
    assert images.images.shape == (6, 8, 8, 3)
    assert isinstance(images.images.base, mmap.mmap)
    for row, path in enumerate(task.images("train").paths):
        expected = PREPROCESSING.fit_one(Image.open(photos / "train" / path).convert("RGB"))
        np.testing.assert_array_equal(images.images[row], expected)
    assert len(load_images(task, "test", PREPROCESSING, tmp_path / "images/net/both")) == 4


def test_checkpoints_that_want_the_same_share_the_file(photos, tmp_path, monkeypatch):
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/one/both", workers=1)
    monkeypatch.setattr(fitted, "_write", lambda *_: pytest.fail("decoded again"))
    other_means = change(mean=(0, 0, 0), std=(1, 1, 1))
    write_fitted(task, other_means, tmp_path / "images/two/both", workers=1)
    for split in ("train", "test"):
        one, two = (tmp_path / f"images/{name}/both/{split}.npy" for name in ("one", "two"))
        assert one.samefile(two)
        expected = np.load(one)
        one.unlink()
        images = load_images(task, split, other_means, tmp_path / "images/two/both").images
        np.testing.assert_array_equal(images, expected)


def test_where_files_cannot_be_linked_they_are_made_again(photos, tmp_path, monkeypatch):
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/one/both", workers=1)

    def refuse(*_arguments):
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(fitted.os, "link", refuse)
    write_fitted(task, PREPROCESSING, tmp_path / "images/two/both", workers=1)
    one, two = (np.load(tmp_path / f"images/{name}/both/train.npy") for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "changes", [{"size": 6}, {"crop": 1.0}, {"interpolation": "bicubic"}, {"crop_mode": "squash"}]
)
def test_other_wishes_are_other_files(photos, tmp_path, changes):
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/one/both", workers=1)
    write_fitted(task, change(**changes), tmp_path / "images/two/both", workers=1)
    one, two = (tmp_path / f"images/{name}/both/train.npy" for name in ("one", "two"))
    assert not one.samefile(two)
    with pytest.raises(ValueError, match="another version of the task or network"):
        load_images(task, "train", PREPROCESSING, tmp_path / "images/two/both")


def test_images_of_an_earlier_version_of_the_task_are_not_shared(photos, tmp_path):
    write_fitted(prepare(photos, tmp_path), PREPROCESSING, tmp_path / "images/one/both", workers=1)
    write(photos / "train/cat/0.png", 99)
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/two/both", workers=1)
    one, two = (tmp_path / f"images/{name}/both/train.npy" for name in ("one", "two"))
    assert not one.samefile(two)
    with pytest.raises(ValueError, match="another version of the task"):
        load_images(task, "train", PREPROCESSING, tmp_path / "images/one/both")


def test_arrays_of_another_size_are_fitted_too(tmp_path):
    task = prepare_arrays(tmp_path, (9, 7))
    write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=1)
    images = load_images(task, "train", PREPROCESSING, tmp_path / "images/net/both").images
    np.testing.assert_array_equal(images, PREPROCESSING.fit(task.images("train")))


def test_arrays_of_the_right_size_are_mapped_as_they_are(tmp_path):
    task, fits = prepare_arrays(tmp_path, (8, 8)), change(crop=1.0)
    images = load_images(task, "test", fits).images
    np.testing.assert_array_equal(images, task.images("test"))
    write_fitted(task, fits, tmp_path / "images/net/both", workers=1)
    assert [path.name for path in (tmp_path / "images/net/both").iterdir()] == [FACTS]
    images = load_images(task, "test", fits, tmp_path / "images/net/both").images
    np.testing.assert_array_equal(images, task.images("test"))


def test_what_a_ranking_reads_is_made_alone_and_shared_later(photos, tmp_path):
    task, (one, both) = prepare(photos, tmp_path), (tmp_path / "images/net" / use for use in "ab")
    write_fitted(task, PREPROCESSING, one, workers=1, splits=["train"])
    with pytest.raises(ValueError, match="holds no test images"):
        load_images(task, "test", PREPROCESSING, one)
    write_fitted(task, PREPROCESSING, both, workers=1)
    assert (one / "train.npy").samefile(both / "train.npy")
    assert load_images(task, "test", PREPROCESSING, both).images.shape == (4, 8, 8, 3)


def test_an_unreadable_test_image_spoils_the_test_images_alone(photos, tmp_path):
    (photos / "test/cat/1.png").write_bytes(b"no image")
    task, (one, both) = prepare(photos, tmp_path), (tmp_path / "images/net" / use for use in "ab")
    write_fitted(task, PREPROCESSING, one, workers=1, splits=["train"])
    assert load_images(task, "train", PREPROCESSING, one).images.shape == (6, 8, 8, 3)
    with pytest.raises(PairFault, match="1 unreadable test images"):
        write_fitted(task, PREPROCESSING, both, workers=1)


def test_images_that_nobody_asked_for_are_a_fault_of_the_workflow(photos, tmp_path):
    with pytest.raises(ValueError, match="no decoded ones are given"):
        load_images(prepare(photos, tmp_path), "train", PREPROCESSING)


def test_jobs_at_the_same_time_make_one_file(photos, tmp_path, monkeypatch):
    task, written, write_file = prepare(photos, tmp_path), [], fitted._write
    monkeypatch.setattr(
        fitted, "_write", lambda *arguments: (written.append(1), write_file(*arguments))
    )
    with ThreadPoolExecutor(4) as pool:
        folders = [tmp_path / f"images/{number}/both" for number in range(4)]
        list(pool.map(lambda folder: write_fitted(task, PREPROCESSING, folder, 1), folders))
    assert written == [1, 1]  # one for each split
    assert len({folder.joinpath("train.npy").stat().st_ino for folder in folders}) == 1


def test_a_job_that_dies_leaves_no_half_of_a_file(photos, tmp_path, monkeypatch):
    task = prepare(photos, tmp_path)
    monkeypatch.setattr(fitted, "decode", lambda content, name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=1)
    assert list((tmp_path / "images/net/both").iterdir()) == []


def test_an_image_that_changed_after_preparation_is_a_fault(photos, tmp_path):
    task = prepare(photos, tmp_path)
    write(photos / "train/cat/0.png", 99)
    with pytest.raises(PairFault, match=r"cat/0\.png: changed since the task was prepared"):
        write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=1)


def test_a_fault_is_told_to_whoever_wants_the_images(photos, tmp_path):
    task = prepare(photos, tmp_path)
    write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=1)
    write_failed(tmp_path / "images/net/both", "cat.png: gone")
    assert [path.name for path in (tmp_path / "images/net/both").iterdir()] == [FACTS]
    assert read_json(tmp_path / "images/net/both" / FACTS)["status"] == "failed"
    with pytest.raises(PairFault, match=r"cat\.png: gone"):
        load_images(task, "train", PREPROCESSING, tmp_path / "images/net/both")


def test_a_disk_without_room_is_told_before_it_is_full(photos, tmp_path, monkeypatch):
    task = prepare(photos, tmp_path)
    monkeypatch.setattr(fitted.shutil, "disk_usage", lambda path: _Usage())
    with pytest.raises(
        OSError, match=r"needed for the images of photos at 8 x 8 pixels, 0 MiB are free"
    ):
        write_fitted(task, PREPROCESSING, tmp_path / "images/net/both", workers=1)


class _Usage:
    free = 100
