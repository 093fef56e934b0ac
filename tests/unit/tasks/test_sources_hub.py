"""The source `huggingface`: Parquet files and class folders, in a folder and in a cache of the hub."""

import hashlib
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.hub_cache import fill_cache, offline
from tests.support.pictures import draw, encode, write_classes

from ckptrank.errors import PairFault
from ckptrank.tasks import load_task
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import open_task, save_task

CONTENTS = [encode(draw(i)) for i in range(12)]
NAMES = {"_type": "ClassLabel", "names": ["cat", "dog"]}


def table(rows, labels, column="label", feature=None, image="image"):
    pictures = [{"bytes": CONTENTS[row], "path": f"{row}.png"} for row in rows]
    made = pa.table({image: pictures, column: labels})
    if feature:
        info = {"info": {"features": {image: {"_type": "Image"}, column: feature}}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(info)})
    return made


def save(path, made, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, **options)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data set"
    first, second = table(range(5), [0, 1, 0, 1, 1], feature=NAMES), table([5, 6], [1, 0])
    save(root / "data/train-00000-of-00002.parquet", first, row_group_size=2)
    save(root / "data/train-00001-of-00002.parquet", second)
    save(root / "data/test-00000-of-00001.parquet", table([7, 8], [1, 0], feature=NAMES))
    return root


def load(path, **fields):
    return load_task({"source": "huggingface", "path": str(path), **fields})


def read_all(images):
    return [images.read(row) for row in range(len(images))]


def test_parquet_files_are_read_by_row_groups(folder):
    task = load(folder)
    assert task.classes == ("cat", "dog")
    assert task.train_labels.tolist() == [0, 1, 0, 1, 1, 1, 0]
    assert read_all(task.train_images) == CONTENTS[:7]
    assert read_all(task.test_images) == CONTENTS[7:9]
    assert task.train_images.read(6) == CONTENTS[6]
    assert task.train_images.name(5).endswith("train-00001-of-00002.parquet, row 0")


def test_a_split_of_validation_images(folder):
    save(folder / "data/validation.parquet", table([9, 10, 11], [0, 1, 1], feature=NAMES))
    task = load(folder, validation="validation")
    assert read_all(task.train_images) == CONTENTS[:7] + CONTENTS[9:12]
    assert task.validation.tolist() == [False] * 7 + [True] * 3
    assert task.train_labels[task.validation].tolist() == [0, 1, 1]
    with pytest.raises(PairFault, match="give `validation` as a fraction"):
        load(folder, validation="validation", test_split=None, test_fraction=0.3)


def test_the_images_are_packed_into_the_prepared_task(folder, tmp_path):
    task, findings = inspect_task(load(folder, shots=2))
    save_task(task, tmp_path / "task", findings)
    stored = open_task(tmp_path / "task")
    assert stored.labels("train").tolist() == [0, 0, 1, 1] or stored.facts["train_samples"] == 4
    assert read_all(stored.images("train")) == read_all(task.train_images)
    assert len(stored.images("test")) == 2


def test_an_unreadable_image_is_named_by_its_row(folder):
    broken = pa.table({"image": [{"bytes": b"no image"}, {"bytes": None}], "label": [0, 1]})
    save(folder / "data/test-00000-of-00001.parquet", broken)
    reason = inspect_task(load(folder))[1].unusable["test"]
    assert re.search(r"parquet, row 0: unreadable .*row 1: 'image' holds no bytes", reason)


def test_names_as_labels_and_other_columns(tmp_path):
    save(tmp_path / "train.parquet", table([0, 1], ["x", "y"], "species", image="img"))
    save(tmp_path / "validation.parquet", table([2], ["y"], "species", image="img"))
    task = load(tmp_path, test_split="validation", image_column="img", label_column="species")
    assert task.classes == ("x", "y")
    assert task.test_labels.tolist() == [1]


def test_numbers_without_names_are_sorted_as_numbers(tmp_path):
    save(tmp_path / "train.parquet", table(range(3), [10, 2, 10]))
    save(tmp_path / "test.parquet", table([3], [2]))
    assert load(tmp_path).classes == ("2", "10")


def test_lists_of_labels_make_a_multi_label_task(tmp_path):
    feature = {"_type": "List", "feature": NAMES}
    save(tmp_path / "train.parquet", table(range(3), [[0], [0, 1], []], feature=feature))
    save(tmp_path / "test.parquet", table([3], [[1]]))
    task = load(tmp_path)
    assert task.classes == ("cat", "dog")
    assert task.train_labels.tolist() == [[1, 0], [1, 1], [0, 0]]


def test_a_split_may_be_made(folder):
    task = load(folder, test_split=None, test_fraction=0.3)
    assert len(task.train_labels) == 5
    assert sorted(read_all(task.train_images) + read_all(task.test_images)) == sorted(CONTENTS[:7])
    with pytest.raises(PairFault, match="give `test_fraction`"):
        load(folder, test_split=None)


def test_configurations_are_told_apart(tmp_path):
    for config, label in (("full", "x"), ("mini", "y")):
        for split in ("train", "test"):
            save(tmp_path / config / f"{split}-0.parquet", table([0, 1], [label, "z"]))
    assert load(tmp_path, config="mini").classes == ("y", "z")
    with pytest.raises(
        PairFault, match="several configurations; set `config` to one of 'full', 'mini'"
    ):
        load(tmp_path)


def test_class_folders_are_read_as_such(tmp_path):
    first = write_classes(tmp_path / "train", {"cat": 2, "dog": 1})
    write_classes(tmp_path / "test", {"cat": 1}, first)
    assert load(tmp_path).train_labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label_column": "fine"}, "has no column 'fine'; it has image, label"),
        ({"image_column": "picture"}, "has no column 'picture'"),
        ({"test_split": "validation"}, "no Parquet files or class folders of split 'validation'"),
    ],
)
def test_faults_are_named(folder, fields, message):
    with pytest.raises(PairFault, match=message):
        load(folder, **fields)


@pytest.mark.parametrize(
    ("labels", "message"), [([0, 5], "not a number below 2"), ([0, None], "no label")]
)
def test_labels_out_of_range_are_faults(folder, labels, message):
    save(folder / "data/train-00001-of-00002.parquet", table([5, 6], labels))
    with pytest.raises(PairFault, match=message):
        load(folder)


# The hub


def fetch(**fields):
    return load_task({"source": "huggingface", "repository": "someone/pets", **fields})


def test_a_filled_cache_serves_without_a_network(folder, tmp_path, monkeypatch):
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}
    fill_cache(tmp_path / "cache", "datasets--someone--pets", files)
    offline(monkeypatch, tmp_path / "cache")
    task = fetch()
    assert task.train_labels.tolist() == [0, 1, 0, 1, 1, 1, 0]
    assert len(fetch(revision="main").test_labels) == 2
    with pytest.raises(PairFault, match=r"hub repository someone/pets@v2: "):
        fetch(revision="v2")


def test_a_damaged_cache_is_noticed(folder, tmp_path, monkeypatch):
    content = next(folder.rglob("test*.parquet")).read_bytes()
    fill_cache(tmp_path / "cache", "datasets--someone--pets", {"data/test-0.parquet": content})
    blob = tmp_path / "cache/datasets--someone--pets/blobs" / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content[:-1])
    offline(monkeypatch, tmp_path / "cache")
    with pytest.raises(PairFault, match=r"SHA-256 is .*, expected .*; delete .*blobs"):
        fetch()


def test_an_empty_cache_is_a_fault_with_its_reason(tmp_path, monkeypatch):
    offline(monkeypatch, tmp_path / "cache")
    with pytest.raises(PairFault, match=r"hub repository someone/pets: "):
        fetch()


def test_images_read_by_threads_are_the_right_ones(folder):
    from ckptrank.jobs.threads import map_ahead

    images = load(folder).train_images
    rows = np.tile(np.arange(7), 30)
    found = map_ahead(images.read, rows, workers=4, ahead=16)
    assert all(content == CONTENTS[row] for row, content in zip(rows, found, strict=True))
