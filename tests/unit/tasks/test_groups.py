"""Random splits that keep the images of one person or scene together."""

import numpy as np
import pytest
from PIL import Image

from ckptrank.errors import PairFault
from ckptrank.tasks import folder, manifest
from ckptrank.tasks.labels import find_groups, split_rows


def test_no_group_is_split_and_classes_keep_their_proportions():
    generator = np.random.default_rng(0)
    groups = [str(number) for number in generator.integers(0, 100, 1000)]
    labels = generator.integers(0, 5, 1000)
    train, test = split_rows(labels, 0.2, 0, groups)
    assert sorted([*train, *test]) == list(range(1000))
    assert not {groups[row] for row in train} & {groups[row] for row in test}
    shares = np.bincount(labels[test]) / np.bincount(labels)
    assert (abs(shares - 0.2) < 0.06).all()
    assert (split_rows(labels, 0.2, 0, groups)[1] == test).all()
    assert (
        len(split_rows(labels, 0.2, 1, groups)[1]) != len(test)
        or (split_rows(labels, 0.2, 1, groups)[1] != test).any()
    )


def test_a_class_of_one_group_stays_in_training():
    labels = np.array([0, 0, 0, 0, 1, 1])
    train, test = split_rows(labels, 0.5, 0, list("aabbcc"))
    assert {4, 5} <= set(train)
    assert len(test) == 2
    with pytest.raises(PairFault, match="none can be held out"):
        split_rows(labels, 0.5, 0, list("aaaacc"))


def test_several_labels_an_image():
    marks = np.tile(np.array([[1, 0], [1, 1], [0, 1], [1, 0]], np.uint8), (10, 1))
    train, test = split_rows(marks, 0.25, 0, [str(row // 4) for row in range(40)])
    assert len(test) in (8, 12)
    assert not {row // 4 for row in train} & {row // 4 for row in test}


def test_groups_are_read_off_names():
    names = ["0/IMG_1118.jpg", "1/IMG_1119.jpg", "0/IMG_4040.jpg"]
    assert find_groups(names, r"IMG_(\d+)\d\d") == ["11", "11", "40"]
    assert find_groups(names, r"IMG_\d\d") == ["IMG_11", "IMG_11", "IMG_40"]
    with pytest.raises(PairFault, match=r"does not fit '0/IMG_4040\.jpg'"):
        find_groups(names, r"IMG_(1\d+)")
    with pytest.raises(PairFault, match="is no regular expression"):
        find_groups(names, "(")


def test_folders_and_manifests_take_them(tmp_path):
    rows = ["path,label,who"]
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(20):
            Image.new("RGB", (4, 4)).save(tmp_path / f"photos/{label}/p{number // 2}_{number}.png")
            rows.append(f"photos/{label}/p{number // 2}_{number}.png,{label},{number // 2}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    split = {"test_fraction": 0.2, "group_pattern": r"p(\d+)_"}
    listed = {"source": "manifest", "path": str(tmp_path / "list.csv"), "test_fraction": 0.2}
    tasks = [
        folder.load({"source": "folder", "path": str(tmp_path / "photos"), **split}),
        manifest.load(listed | {"group_pattern": r"p(\d+)_"}),
        manifest.load(listed | {"group_column": "who"}),
    ]
    for task in tasks:
        who = [
            {path.split("/p")[-1].split("_")[0] for path in images.paths}
            for images in (task.train_images, task.test_images)
        ]
        assert not who[0] & who[1]
        assert len(task.test_labels) == 8
    with pytest.raises(PairFault, match="has no column age, which `group_column` names"):
        manifest.load(listed | {"group_column": "age"})
