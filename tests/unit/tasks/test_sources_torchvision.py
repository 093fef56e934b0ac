"""The source `torchvision`, on tiny data sets in the layouts of the real ones."""

import hashlib
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from tests.support.pictures import write
from torchvision import datasets

from ckptrank.errors import PairFault
from ckptrank.tasks import load_task
from ckptrank.tasks import torchvision as source
from ckptrank.tasks.inspection import inspect_task
from ckptrank.tasks.store import open_task, save_task


def load(name, root, **fields):
    return load_task({"source": "torchvision", "name": name, "root": str(root), **fields})


def names(images):
    return [path.rsplit("/", 1)[-1] for path in images.paths]


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_caltech101_takes_thirty_of_each_category_and_the_background(tmp_path):
    folder = tmp_path / "caltech101/101_ObjectCategories"
    for category, count in {"BACKGROUND_Google": 33, "ant": 31, "yin_yang": 40}.items():
        for i in range(1, count + 1):
            path = folder / category / f"image_{i:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    task = load("Caltech101", tmp_path)
    assert task.classes == ("BACKGROUND_Google", "ant", "yin_yang")
    assert np.bincount(task.train_labels).tolist() == [30, 30, 30]
    assert np.bincount(task.test_labels).tolist() == [3, 1, 10]
    assert not set(task.train_images.paths) & set(task.test_images.paths)
    assert load("Caltech101", tmp_path).test_images == task.test_images
    assert load("Caltech101", tmp_path, seed=1).test_images != task.test_images


def test_flowers102_joins_training_and_validation(tmp_path, monkeypatch):
    folder = tmp_path / "flowers-102"
    for i in range(1, 105):
        write(folder / f"jpg/image_{i:05d}.jpg", i)
    labels = [i % 102 + 1 for i in range(104)]
    savemat(folder / "imagelabels.mat", {"labels": labels})
    savemat(
        folder / "setid.mat",
        {"trnid": list(range(1, 52)), "valid": list(range(52, 103)), "tstid": [103, 104]},
    )
    hashes = {
        "label": ("imagelabels.mat", md5(folder / "imagelabels.mat")),
        "setid": ("setid.mat", md5(folder / "setid.mat")),
    }
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", datasets.Flowers102._file_dict | hashes)
    task = load("Flowers102", tmp_path)
    assert len(task.classes) == 102
    assert task.train_labels.tolist() == list(range(102))
    assert task.test_labels.tolist() == [0, 1]
    assert names(task.test_images) == ["image_00103.jpg", "image_00104.jpg"]
    assert len(task.test_images.read(0)) > 0


def test_dtd_joins_training_and_validation(tmp_path):
    folder = tmp_path / "dtd/dtd"
    (folder / "images").mkdir(parents=True)
    write_lines(folder / "labels/train1.txt", "banded/a.jpg", "dotted/b.jpg")
    write_lines(folder / "labels/val1.txt", "banded/c.jpg", "dotted/d.jpg")
    write_lines(folder / "labels/test1.txt", "dotted/e.jpg", "banded/f.jpg")
    task = load("DTD", tmp_path)
    assert task.classes == ("banded", "dotted")
    assert task.train_labels.tolist() == [0, 1, 0, 1]
    assert task.train_images.paths == (
        "banded/a.jpg",
        "dotted/b.jpg",
        "banded/c.jpg",
        "dotted/d.jpg",
    )
    assert task.test_labels.tolist() == [1, 0]
    named = load("DTD", tmp_path, validation="val")
    assert named.train_images.paths == task.train_images.paths
    assert named.validation.tolist() == [False, False, True, True]


def test_fgvc_aircraft(tmp_path):
    data = tmp_path / "fgvc-aircraft-2013b/data"
    write_lines(data / "variants.txt", "707-320", "A330")
    write_lines(data / "images_variant_trainval.txt", "0001 707-320", "0002 A330")
    write_lines(data / "images_variant_test.txt", "0003 A330")
    task = load("FGVCAircraft", tmp_path)
    assert task.classes == ("707-320", "A330")
    assert names(task.train_images) == ["0001.jpg", "0002.jpg"]
    assert task.test_labels.tolist() == [1]
    write_lines(data / "images_variant_train.txt", "0002 A330", "0001 707-320")
    write_lines(data / "images_variant_val.txt", "0004 A330")
    named = load("FGVCAircraft", tmp_path, validation="val")
    assert names(named.train_images) == ["0002.jpg", "0001.jpg", "0004.jpg"]
    assert named.validation.tolist() == [False, False, True]


def test_food101(tmp_path):
    folder = tmp_path / "food-101"
    (folder / "images").mkdir(parents=True)
    write_lines(folder / "meta/train.json", json.dumps({"pie": ["pie/1"], "soup": ["soup/2"]}))
    write_lines(folder / "meta/test.json", json.dumps({"pie": ["pie/3"], "soup": ["soup/4"]}))
    task = load("Food101", tmp_path)
    assert task.classes == ("pie", "soup")
    assert task.train_images.paths == ("pie/1.jpg", "soup/2.jpg")
    assert task.test_labels.tolist() == [0, 1]


def test_oxford_pets(tmp_path):
    folder = tmp_path / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    write_lines(folder / "annotations/trainval.txt", "Abyssinian_1 1 1 1", "beagle_2 2 2 1")
    write_lines(folder / "annotations/test.txt", "beagle_3 2 2 1", "Abyssinian_4 1 1 1")
    task = load("OxfordIIITPet", tmp_path)
    assert task.classes == ("Abyssinian", "Beagle")
    assert names(task.train_images) == ["Abyssinian_1.jpg", "beagle_2.jpg"]
    assert task.test_labels.tolist() == [1, 0]


def test_stanford_cars(tmp_path):
    folder = tmp_path / "stanford_cars"
    for part in ("devkit", "cars_train", "cars_test"):
        (folder / part).mkdir(parents=True)
    kinds = [("fname", "O"), ("class", "u1")]
    savemat(
        folder / "devkit/cars_train_annos.mat",
        {"annotations": np.array([("1.jpg", 1), ("2.jpg", 2)], kinds)},
    )
    savemat(
        folder / "cars_test_annos_withlabels.mat",
        {"annotations": np.array([("3.jpg", 2), ("4.jpg", 1)], kinds)},
    )
    savemat(folder / "devkit/cars_meta.mat", {"class_names": np.array(["Audi", "BMW"], object)})
    task = load("StanfordCars", tmp_path)
    assert task.classes == ("Audi", "BMW")
    assert task.train_labels.tolist() == [0, 1]
    assert names(task.test_images) == ["3.jpg", "4.jpg"]
    assert task.test_labels.tolist() == [1, 0]


def test_sun397_is_split_by_the_seed_and_not_by_the_file_system(tmp_path, monkeypatch):
    classes = [f"/{letter}/place_{letter}" for letter in "ab"]
    write_lines(tmp_path / "SUN397/ClassName.txt", *classes)
    for name in classes:
        for i in range(30):
            path = tmp_path / f"SUN397{name}/sun_{i:02d}{name[1]}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    monkeypatch.setattr(source, "SUN_TRAIN", 40)
    monkeypatch.setattr(source, "SUN_TEST", 10)
    task = load("SUN397", tmp_path)
    assert (len(task.train_labels), len(task.test_labels)) == (40, 10)
    assert not set(task.train_images.paths) & set(task.test_images.paths)
    assert all(
        (label == 1) == path.startswith("b")
        for label, path in zip(task.train_labels, task.train_images.paths, strict=True)
    )
    rglob = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda *given: sorted(rglob(*given), reverse=True))
    assert load("SUN397", tmp_path).train_images == task.train_images


def test_eurosat_holds_out_a_fifth(tmp_path):
    for name in ("Forest", "River"):
        for i in range(10):
            write(tmp_path / f"eurosat/2750/{name}/{name}_{i}.jpg", i)
    task = load("EuroSAT", tmp_path)
    assert task.classes == ("Forest", "River")
    assert np.bincount(task.train_labels).tolist() == [8, 8]
    assert np.bincount(task.test_labels).tolist() == [2, 2]


def test_pcam_is_read_from_its_files_in_chunks(tmp_path):
    images = {}
    for number, split in enumerate(("train", "test")):
        generator = np.random.default_rng(number)
        images[split] = generator.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
        labels = np.array([0, 1, 1, 0, 1], np.uint8).reshape(-1, 1, 1, 1)
        for key, array in (("x", images[split]), ("y", labels)):
            path = tmp_path / f"pcam/camelyonpatch_level_2_split_{split}_{key}.h5"
            path.parent.mkdir(exist_ok=True)
            with h5py.File(path, "w") as file:
                file[key] = array
    task = load("PCAM", tmp_path)
    assert not isinstance(task.train_images, np.ndarray)
    assert task.test_labels.tolist() == [0, 1, 1, 0, 1]
    inspected, findings = inspect_task(task)
    save_task(inspected, tmp_path / "task", findings)
    for split in ("train", "test"):
        np.testing.assert_array_equal(open_task(tmp_path / "task").images(split), images[split])
    few = load("PCAM", tmp_path, shots=1)
    assert sorted(few.train_labels) == [0, 1]


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar(tmp_path, monkeypatch, name):
    kind = getattr(datasets, name)
    folder = tmp_path / kind.base_folder
    folder.mkdir()
    generator = np.random.default_rng(0)

    def save(file, content):
        (folder / file).write_bytes(pickle.dumps(content))
        return [file, md5(folder / file)]

    def batch(labels):
        data = generator.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        return {"data": data, "fine_labels" if name == "CIFAR100" else "labels": labels}

    monkeypatch.setattr(
        kind, "train_list", [save("first", batch([0, 1])), save("second", batch([1]))]
    )
    monkeypatch.setattr(kind, "test_list", [save("third", batch([1, 0]))])
    file, digest = save("meta", {kind.meta["key"]: ["cat", "dog"]})
    monkeypatch.setattr(kind, "meta", kind.meta | {"filename": file, "md5": digest})
    task = load(name, tmp_path)
    assert task.classes == ("cat", "dog")
    assert task.train_images.shape == (3, 32, 32, 3)
    assert task.train_labels.tolist() == [0, 1, 1]
    assert task.test_labels.tolist() == [1, 0]


def test_voc2007_marks_every_class_that_is_not_difficult(tmp_path):
    root = tmp_path / "VOCdevkit/VOC2007"
    write_lines(root / "ImageSets/Main/trainval.txt", "000001", "000002")
    write_lines(root / "ImageSets/Main/test.txt", "000003")
    objects = {
        "000001": [("dog", 0), ("car", 0), ("dog", 0)],
        "000002": [("cat", 0), ("dog", 1)],
        "000003": [("car", 1)],
    }
    for image, found in objects.items():
        tags = "".join(
            f"<object><name>{name}</name><difficult>{hard}</difficult></object>"
            for name, hard in found
        )
        write_lines(root / f"Annotations/{image}.xml", f"<annotation>{tags}</annotation>")
    task = load("VOC2007", tmp_path)
    assert task.multi_label
    assert task.classes == ("car", "cat", "dog")
    assert task.train_labels.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert task.test_labels.tolist() == [[0, 0, 0]]
    assert names(task.train_images) == ["000001.jpg", "000002.jpg"]


@pytest.mark.parametrize("name", sorted(source._LOADERS))
def test_data_that_are_not_there_are_a_fault(tmp_path, name):
    with pytest.raises(PairFault, match=rf"torchvision {name} in .*: .*(not found|No such file)"):
        load(name, tmp_path)


def test_what_brings_no_validation_images_says_so_before_it_is_fetched(tmp_path):
    message = "torchvision CIFAR10: holds no 'val', which `validation` names; give a fraction"
    with pytest.raises(PairFault, match=message):
        load("CIFAR10", tmp_path, validation="val", download=True)
    with pytest.raises(PairFault, match="torchvision DTD: holds no 'dev'"):
        load("DTD", tmp_path, validation="dev")


def test_the_default_root_is_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path))
    with pytest.raises(PairFault, match=f"in {tmp_path}/datasets"):
        load_task({"source": "torchvision", "name": "DTD"})
