"""The sources `voc` and `coco`, and how they name what is wrong with annotations."""

import json

import numpy as np
import pytest
from faster_coco_eval.core import mask as codes
from PIL import Image
from tests.support.annotations import write_cityscapes, write_coco, write_voc, write_xml
from tests.support.pictures import write
from torchvision.datasets import VOCDetection, VOCSegmentation

from ckptrank.errors import PairFault
from ckptrank.tasks import load_task
from ckptrank.tasks.coco import read_annotations

TRAIN = {
    "one": [("cat", 1, 1, 10, 12), ("dog", 11, 5, 20, 30)],
    "two": [("dog", 3, 4, 40, 30, "difficult"), ("cat", 5, 5, 9, 9)],
    "none": [],
}
TEST = {"three": [("dog", 2, 2, 8, 8)]}
POLYGON = [[2.0, 2.0, 12.0, 2.0, 12.0, 8.0, 2.0, 8.0]]


def decode(objects, row):
    size = objects.sizes[objects.images[row]].tolist()
    return codes.decode({"size": size, "counts": objects.masks[row]})


def load_voc(path, **fields):
    return load_task({"source": "voc", "path": str(path), **fields})


def load_coco(path, **fields):
    return load_task({"source": "coco", "path": str(path), **fields})


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path / "voc", {"trainval": TRAIN, "test": TEST})


@pytest.fixture
def coco(tmp_path):
    annotations = [
        {"image_id": 0, "category_id": 7, "bbox": [2, 2, 10, 6], "segmentation": POLYGON},
        {"image_id": 0, "category_id": 8, "bbox": [20, 10, 5, 5], "segmentation": POLYGON},
        {"image_id": 2, "category_id": 8, "bbox": [0, 0, 40, 30], "iscrowd": 1,
         "segmentation": {"size": [30, 40], "counts": [0, 600, 600]}},
    ]  # fmt: skip
    return write_coco(tmp_path / "train.json", ["a.png", "b.png", "c.png"], annotations)


# VOC


def test_voc_gives_the_labels_of_images_and_the_objects(voc):
    task = load_voc(voc)
    assert task.classes == ("cat", "dog")
    assert task.train_images.paths == tuple(f"JPEGImages/{name}.jpg" for name in TRAIN)
    objects = task.train_objects
    assert objects.bounds.tolist() == [0, 2, 4, 4]
    assert objects.sizes.tolist() == [[30, 40]] * 3
    assert objects.boxes[0].tolist() == [0, 0, 10, 12]  # counted from 1, the last pixel inside
    assert objects.labels.tolist() == [0, 1, 1, 0]
    assert objects.crowd.tolist() == [False, False, True, False]
    assert objects.masks is None
    # A difficult object is no reason to say that an image has its class.
    assert task.train_labels.tolist() == [[1, 1], [1, 0], [0, 0]]
    assert task.test_labels.tolist() == [[0, 1]]
    assert task.notes == ()


def test_voc_of_several_years_and_a_fraction_held_out(tmp_path):
    images = {f"i{n}": [(("cat", "dog")[n % 2], 1, 1, 9, 9)] for n in range(10)}
    write_voc(tmp_path / "VOC2007", {"trainval": images, "test": TEST})
    write_voc(tmp_path / "VOC2012", {"trainval": dict(list(images.items())[:4])})
    both = load_voc(tmp_path, train=["VOC2007/trainval", "VOC2012/trainval"], test="VOC2007/test")
    assert len(both.train_labels) == 14
    assert both.train_images.paths[-1] == "VOC2012/JPEGImages/i3.jpg"
    halves = load_voc(tmp_path / "VOC2007", test_fraction=0.5, seed=1)
    assert halves.train_labels.sum(axis=0).tolist() == [3, 3]
    assert halves.test_objects.bounds.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(PairFault, match="no such set of images; there are test, trainval"):
        load_voc(tmp_path / "VOC2007", train="train")


def test_voc_without_lists_takes_all_images(voc):
    for file in (voc / "ImageSets/Main").iterdir():
        file.unlink()
    (voc / "ImageSets/Main").rmdir()
    write_xml(voc, "three", [("cat", 1, 1, 9, 9)])
    write_xml(voc, "none", [("cat", 1, 1, 9, 9)])
    task = load_voc(voc, test_fraction=0.4)
    assert len(task.train_labels) + len(task.test_labels) == 4


def test_masks_of_voc(voc):
    lists = voc / "ImageSets/Segmentation"
    lists.mkdir()
    (lists / "trainval.txt").write_text("one\n")
    (lists / "test.txt").write_text("three\n")
    numbers = np.zeros((30, 40), np.uint8)
    numbers[:12, :10], numbers[5:30, 11:20], numbers[0, 39] = 1, 2, 255
    (voc / "SegmentationObject").mkdir()
    Image.fromarray(numbers).save(voc / "SegmentationObject/one.png")
    Image.fromarray(np.uint8(numbers == 1)).save(voc / "SegmentationObject/three.png")
    objects = load_voc(voc, masks=True).train_objects
    np.testing.assert_array_equal(decode(objects, 0), numbers == 1)
    np.testing.assert_array_equal(decode(objects, 1), numbers == 2)
    for drawn, message in (
        (numbers % 2, r"one\.xml, line 7: no pixel has its number, 2, in .*one\.png"),
        (numbers[:9], r"one\.png: has 40 x 9 pixels, the image 40 x 30"),
    ):
        Image.fromarray(drawn).save(voc / "SegmentationObject/one.png")
        with pytest.raises(PairFault, match=f"1 bad annotations: .*{message}"):
            load_voc(voc, masks=True)
    (voc / "SegmentationObject/one.png").unlink()
    with pytest.raises(PairFault, match=r"one\.png: cannot be read"):
        load_voc(voc, masks=True)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([("cat", 5, 5, 5, 9)], r"one.xml, line 3: box 5, 5 to 5, 9 has no area"),
        ([("cat", 5, 5, 43, 9)], r"line 3: box 4, 4 to 43, 9 is not in the image of 40 x 30"),
        ([("cat", 1, "", 5, 5)], "line 3: an object without the four numbers of a box"),
        ([("", 1, 1, 5, 5)], "line 3: an object without a name"),
    ],
)
def test_bad_annotations_of_voc_are_named_by_file_and_line(voc, objects, message):
    write_xml(voc, "one", objects)
    with pytest.raises(PairFault, match=f"1 bad annotations: .*{message}.*on_bad_annotation: skip"):
        load_voc(voc, classes=["cat", "dog"])


def test_a_box_a_pixel_over_the_border_is_cut(voc):
    write_xml(voc, "one", [("cat", 0, 0, 41, 31), ("dog", 1, 1, 5, 5)])
    assert load_voc(voc).train_objects.boxes[0].tolist() == [0, 0, 40, 30]


def test_a_list_of_voc_that_is_not_in_utf_8(voc):
    (voc / "ImageSets/Main/trainval.txt").write_bytes(b"one\nB\xe4r\n")
    with pytest.raises(PairFault, match=r"trainval\.txt: is not in UTF-8 \(byte 5"):
        load_voc(voc)


def test_bad_annotations_of_voc_are_mended_or_left_out(voc, caplog):
    boxes = [("cat", 5, 5, 43, 9), ("dog", 5, 5, 5, 9), ("dog", 1, 1, 5, 5)]
    write_xml(voc, "one", boxes)
    (voc / "JPEGImages/two.jpg").unlink()
    (voc / "Annotations/none.xml").write_text("<annotation>\n<object>\n</annotation>")
    task = load_voc(voc, on_bad_annotation="skip")
    assert task.train_objects.boxes.tolist() == [[4, 4, 40, 9], [0, 0, 5, 5]]
    assert len(task.train_images) == 1
    (note,) = task.notes
    assert note.startswith("4 bad annotations were mended or left out: ")
    assert "trainval.txt, line 2: no image two in" in caplog.text
    assert "none.xml, line 3: is no XML (mismatched tag)" in caplog.text


def test_an_image_of_another_size_than_its_annotations_say(voc):
    write_xml(voc, "one", TRAIN["one"], size=(30, 40))
    with pytest.raises(
        PairFault, match=r"one\.xml, line 2: says 30 x 40 pixels, the image has 40 x 30"
    ):
        load_voc(voc)


def test_an_image_without_annotations_and_one_that_is_no_image(voc):
    (voc / "Annotations/none.xml").unlink()
    (voc / "JPEGImages/three.jpg").write_bytes(b"?")
    with pytest.raises(
        PairFault, match=r"2 bad annotations: .*trainval\.txt, line 3: no such file"
    ):
        load_voc(voc)
    with pytest.raises(PairFault, match=r"test\.txt, line 1: .*three\.jpg"):
        load_voc(voc)


def test_objects_of_voc_that_are_of_no_named_class_are_left_out(voc):
    write_xml(voc, "two", [("cow", 1, 1, 1, 1), ("dog", 1, 1, 9, 9, "difficult")])
    task = load_voc(voc, classes=["dog", "cat"])
    assert task.train_objects.labels.tolist() == [1, 0, 0]
    assert task.train_labels.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert task.notes == (
        "1 object of classes that `classes` does not name were left out: cow (1)",
    )
    with pytest.raises(PairFault, match="no object is of 'hen', 'pig', which `classes` names"):
        load_voc(voc, classes=["dog", "hen", "pig"])


def write_devkit(root, place, image, *sets):
    """Write a year as its archive has it; torchvision unpacks it into its root."""
    return write_voc(root / place, {name: {f"{image}_{name}": TRAIN["one"]} for name in sets})


def test_a_year_that_torchvision_has_is_found_from_its_root_devkit_or_folder(tmp_path):
    year = write_devkit(tmp_path, "VOCdevkit/VOC2007", "a", "trainval", "test")
    VOCDetection(str(tmp_path), "2007", "trainval")
    for path in (tmp_path, tmp_path / "VOCdevkit", year):
        for folder in ("", "VOC2007/"):
            task = load_voc(path, train=f"{folder}trainval", test=f"{folder}test")
            assert task.train_images.paths == ("JPEGImages/a_trainval.jpg",)
            assert task.train_images.read(0) == (year / "JPEGImages/a_trainval.jpg").read_bytes()


def test_several_years_of_torchvision_are_joined(tmp_path):
    """Among them VOC2011, which its archive has in a folder of its own."""
    write_devkit(tmp_path, "VOCdevkit/VOC2007", "a", "trainval", "test")
    write_devkit(tmp_path, "VOCdevkit/VOC2012", "b", "trainval")
    write_devkit(tmp_path, "TrainVal/VOCdevkit/VOC2011", "c", "trainval")
    VOCDetection(str(tmp_path), "2011", "trainval")
    years = [f"VOC{year}/trainval" for year in (2007, 2011, 2012)]
    task = load_voc(tmp_path, train=years, test="VOC2007/test")
    places = ("VOCdevkit/VOC2007", "TrainVal/VOCdevkit/VOC2011", "VOCdevkit/VOC2012")
    assert task.train_images.paths == tuple(
        f"{place}/JPEGImages/{name}_trainval.jpg" for place, name in zip(places, "acb", strict=True)
    )
    two = load_voc(tmp_path / "VOCdevkit", train=[years[0], years[2]], test="VOC2007/test")
    assert two.train_images.paths[1] == "VOC2012/JPEGImages/b_trainval.jpg"
    with pytest.raises(PairFault, match=r"VOC2010: has no folders JPEGImages and Annotations"):
        load_voc(tmp_path, train="VOC2010/trainval")
    with pytest.raises(
        PairFault,
        match=r"several folders of VOC's layout \(VOC2007, VOC2012\); .*as `train: VOC2007/trainval`",
    ):
        load_voc(tmp_path / "VOCdevkit")


def test_images_with_masks_are_those_of_vocs_segmentation_sets(tmp_path):
    year = write_devkit(tmp_path, "VOCdevkit/VOC2012", "boxed", "train", "val")
    for name in ("train", "val"):
        listed = year / f"ImageSets/Segmentation/{name}.txt"
        listed.parent.mkdir(exist_ok=True)
        listed.write_text(f"masked_{name}\n")
        write(year / f"JPEGImages/masked_{name}.jpg", 9, size=(40, 30))
        write_xml(year, f"masked_{name}", TRAIN["one"])
        numbers = np.zeros((30, 40), np.uint8)
        numbers[:12, :10], numbers[5:30, 11:20] = 1, 2
        for kind in ("Class", "Object"):
            (year / f"Segmentation{kind}").mkdir(exist_ok=True)
            Image.fromarray(numbers).save(year / f"Segmentation{kind}/masked_{name}.png")
    assert len(VOCSegmentation(str(tmp_path), "2012", "val")) == 1
    sets = {"train": "VOC2012/train", "test": "VOC2012/val"}
    masked = load_voc(tmp_path, masks=True, **sets)
    assert masked.train_images.paths == ("JPEGImages/masked_train.jpg",)
    assert len(masked.test_objects.masks) == 2
    boxed = load_voc(tmp_path, **sets)
    assert boxed.train_images.paths == ("JPEGImages/boxed_train.jpg",)
    assert boxed.train_objects.masks is None


@pytest.mark.parametrize("given", ["", "VOCdevkit"])
def test_torchvision_fetches_into_its_root_and_what_it_has_is_used_where_it_lies(
    tmp_path, monkeypatch, given
):
    fetched = []

    def fetch(root, year, image_set, download):
        assert root == tmp_path
        fetched.append((year, image_set))
        write_voc(root / f"VOCdevkit/VOC{year}", {image_set: TRAIN if year == "2012" else TEST})

    monkeypatch.setattr("torchvision.datasets.VOCDetection", fetch)
    said = {"train": "VOC2012/train", "test": "VOC2007/test"}
    for further in ({"download": True}, {"download": True}, {}):
        task = load_voc(tmp_path / given, **said, **further)
        assert task.train_images.paths[0] == "VOC2012/JPEGImages/one.jpg"
        assert (len(task.train_labels), len(task.test_labels)) == (3, 1)
    assert fetched == [("2012", "train"), ("2007", "test")]


def test_a_folder_without_the_layout(tmp_path):
    with pytest.raises(PairFault, match="has no folders JPEGImages and Annotations"):
        load_voc(tmp_path)


# COCO


def test_coco_gives_the_labels_of_images_and_the_objects(coco):
    test = {"image_id": 0, "category_id": 7, "bbox": [1, 1, 3, 3], "segmentation": POLYGON}
    file = write_coco(coco.parent / "test.json", ["d.png"], [test], first=9)
    task = load_coco(coco, test_path=str(file))
    assert task.classes == ("cat", "dog")
    assert task.train_labels.tolist() == [[1, 1], [0, 0], [0, 0]]
    objects = task.train_objects
    assert objects.bounds.tolist() == [0, 2, 2, 3]
    assert objects.boxes.tolist() == [[2, 2, 12, 8], [20, 10, 25, 15], [0, 0, 40, 30]]
    assert objects.crowd.tolist() == [False, False, True]
    drawn = np.zeros((30, 40))
    drawn[2:8, 2:12] = 1
    np.testing.assert_array_equal(decode(objects, 0), drawn)
    assert decode(objects, 2).sum() == 600


def test_a_compressed_run_length_code_is_read(coco):
    drawn = np.zeros((30, 40), np.uint8, order="F")
    drawn[3:9, 5:20], drawn[20:, 30:] = 1, 1
    code = codes.encode(drawn)["counts"].decode()
    content = json.loads(coco.read_text())
    content["annotations"][1]["segmentation"] = {"size": [30, 40], "counts": code}
    coco.write_text(json.dumps(content))
    objects = load_coco(coco, test_path=str(coco)).train_objects
    np.testing.assert_array_equal(decode(objects, 1), drawn)
    assert objects.masks[1] == code.encode()


def test_objects_of_categories_that_are_not_named_are_left_out(coco):
    content = json.loads(coco.read_text())
    content["categories"] += [{"id": 9, "name": "cow"}, {"id": 10, "name": "sheep"}]
    # Nothing is asked of what is left out: the cow has no mask and the sheep no area.
    content["annotations"] += [
        {"id": 5, "image_id": 1, "category_id": 9, "bbox": [1, 1, 4, 4]},
        {"id": 6, "image_id": 1, "category_id": 10, "bbox": [1, 1, 0, 4]},
    ]
    coco.write_text(json.dumps(content))
    task = load_coco(coco, test_path=str(coco), classes=["dog", "cat"])
    assert task.classes == ("dog", "cat")
    assert task.train_objects.labels.tolist() == [1, 0, 0]
    assert task.train_objects.masks is not None
    assert task.train_labels.tolist() == [[1, 1], [0, 0], [0, 0]]  # the cow's image stays
    (note,) = task.notes
    assert note == (
        "4 objects of classes that `classes` does not name were left out: cow (2) and sheep (2)"
    )
    content["annotations"][3]["category_id"] = 11
    coco.write_text(json.dumps(content))
    with pytest.raises(PairFault, match=r"line 1, annotation 5: unknown category 11;"):
        load_coco(coco, test_path=str(coco), classes=["dog", "cat"])


def test_a_named_category_without_an_object_is_an_error(coco):
    with pytest.raises(
        PairFault, match=r"no object is of 'dgo', which `classes` names; there are 'cat', 'dog'$"
    ):
        load_coco(coco, test_fraction=0.5, classes=["cat", "dgo"])


def test_masks_are_none_where_an_object_lacks_one(coco):
    content = json.loads(coco.read_text())
    del content["annotations"][1]["segmentation"]
    coco.write_text(json.dumps(content))
    task = load_coco(coco, test_path=str(coco))
    assert task.train_objects.masks is None
    assert task.test_objects.masks is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_id": 3}, "line 1, annotation 100: unknown category 3"),
        ({"image_id": 9}, "line 1, annotation 100: of no image: there is none with the id 9"),
        ({"bbox": [2, 2, 0, 5]}, "line 1, annotation 100: box 2, 2 to 2, 7 has no area"),
        ({"bbox": [-4, 2, 9, 5]}, "line 1, annotation 100: box -4, 2 to 5, 7 is not in the image"),
        ({"bbox": [1, 2, 3]}, "line 1, annotation 100: a `bbox` of four numbers is missing"),
        (
            {"segmentation": [[1, 2, 3, 4]]},
            "line 1, annotation 100: cannot read its segmentation .a polygon needs three points",
        ),
        (
            {"segmentation": {"size": [3, 4], "counts": [12]}},
            "line 1, annotation 100: cannot read its segmentation .of an image of",
        ),
        (
            {"segmentation": {"size": [30, 40], "counts": [12]}},
            "line 1, annotation 100: cannot read its segmentation .its runs do not fill",
        ),
        (
            {"segmentation": {"size": [30, 40], "counts": "Q1"}},
            "line 1, annotation 100: cannot read its segmentation .Invalid RLE mask",
        ),
        (
            {"segmentation": {"size": [30, 40], "counts": [-5, 1205]}},
            "line 1, annotation 100: cannot read its segmentation",
        ),
        (
            {"segmentation": [[1, "a", 3, 4, 5, 6]]},
            "line 1, annotation 100: cannot read its segmentation",
        ),
    ],
)
def test_bad_annotations_of_coco_are_named_by_file_line_and_id(coco, change, message):
    content = json.loads(coco.read_text())
    content["annotations"][0] |= change
    coco.write_text(json.dumps(content))
    with pytest.raises(PairFault, match=f"train.json, {message}"):
        load_coco(coco, test_path=str(coco))


@pytest.mark.parametrize("box", [[-0.9, 1, 0.5, 4], [40.2, 1, 0.6, 4], [3, 30, 6, 0.8]])
def test_a_box_beside_the_image_is_named_however_near_it_is(coco, caplog, box):
    """Corners may lie a pixel over the border; what has nothing inside it is not dropped in silence."""
    content = json.loads(coco.read_text())
    content["annotations"][0]["bbox"] = box
    coco.write_text(json.dumps(content))
    with pytest.raises(PairFault, match=r"annotation 100: box .* is not in the image of 40 x 30"):
        load_coco(coco, test_fraction=0.5)
    content["annotations"].append({"image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5]})
    coco.write_text(json.dumps(content))
    task = load_coco(coco, test_path=str(coco), on_bad_annotation="skip")
    assert task.train_objects.boxes[:, 0].tolist() == [20, 1, 0]
    assert "is not in the image of 40 x 30 pixels" in caplog.text


def test_a_missing_image_is_named_and_can_be_left_out(coco):
    (coco.parent / "b.png").unlink()
    with pytest.raises(PairFault, match=r"train\.json, line 1, image 1: no such file: .*b\.png"):
        load_coco(coco, test_path=str(coco))
    task = load_coco(coco, test_path=str(coco), on_bad_annotation="skip")
    assert task.train_images.paths == ("a.png", "c.png")
    assert task.train_objects.bounds.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1, 2", "is no JSON"), ("[]", "has no images, annotations, categories")],
)
def test_what_is_no_annotation_file(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(PairFault, match=message):
        load_coco(tmp_path / "x.json", test_fraction=0.5)


def test_an_annotation_file_that_is_not_in_utf_8(coco):
    coco.write_bytes(coco.read_bytes().replace(b'"cat"', b'"B\xe4r"'))
    with pytest.raises(PairFault, match=r"train\.json: is not in UTF-8 \(byte \d+: invalid"):
        load_coco(coco, test_path=str(coco))


def test_how_the_test_set_is_given(coco):
    with pytest.raises(PairFault, match="give `test_path`, or `test_fraction`"):
        load_coco(coco)
    with pytest.raises(PairFault, match="`test_images` without `test_path`"):
        load_coco(coco, test_fraction=0.5, test_images=str(coco.parent))


def test_lines_of_a_file_that_has_many(coco):
    content = json.loads(coco.read_text())
    content["info"] = {"annotations": [1, 2], "text": 'a "[{'}
    content["annotations"][1]["bbox"] = [1, 1, 0, 0]
    text = json.dumps(dict(sorted(content.items(), reverse=True)), indent=1)
    coco.write_text(text)
    found = read_annotations(coco)
    for key in ("images", "annotations", "categories"):
        assert [entry for _, entry in found[key]] == content[key]
        for line, entry in found[key]:
            lines = text.splitlines()[line - 1 :]
            assert json.JSONDecoder().raw_decode("\n".join(lines).lstrip())[0] == entry
    line = found["annotations"][1][0]
    with pytest.raises(PairFault, match=f"line {line}, annotation 101: box .* has no area"):
        load_coco(coco, test_path=str(coco))


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("images", {"id": 1}, "line 1, image 1: another image has this id"),
        ("images", {"file_name": None}, "line 1, image 0: has no `id` and `file_name`"),
        ("categories", {"name": None}, "line 1: a category without `id` and `name`"),
    ],
)
def test_entries_of_coco_that_lack_what_they_need(coco, key, change, message):
    content = json.loads(coco.read_text())
    changed = content[key][0] | change
    content[key][0] = {name: value for name, value in changed.items() if value is not None}
    coco.write_text(json.dumps(content))
    with pytest.raises(PairFault, match=f"train.json, {message}"):
        load_coco(coco, test_path=str(coco))


# Cityscapes


def test_cityscapes_gives_an_object_for_each_number_and_a_crowd_for_a_group(tmp_path):
    numbers = np.full((20, 30), 7, np.uint16)  # road
    numbers[2:6, 3:9], numbers[10:15, 20:30], numbers[16:, :4] = 26000, 24001, 26
    write_cityscapes(tmp_path, {"train": {"a": numbers}, "val": {"a": numbers}})
    path = tmp_path / "gtFine/val/ulm/a_gtFine_instanceIds.png"
    task = load_task({"source": "cityscapes", "path": str(tmp_path)})
    assert task.classes == ("person", "car")
    objects = task.train_objects
    assert objects.boxes.tolist() == [[0, 16, 4, 20], [20, 10, 30, 15], [3, 2, 9, 6]]
    assert objects.labels.tolist() == [1, 0, 1]
    assert objects.crowd.tolist() == [True, False, False]
    np.testing.assert_array_equal(decode(objects, 2), numbers == 26000)
    named = load_task({"source": "cityscapes", "path": str(tmp_path), "classes": ["car", "person"]})
    assert named.train_objects.labels.tolist() == [0, 1, 0]
    with pytest.raises(PairFault, match="no object is of 'bus', which `classes` names"):
        load_task({"source": "cityscapes", "path": str(tmp_path), "classes": ["car", "bus"]})
    path.unlink()
    with pytest.raises(PairFault, match=r"a_gtFine_instanceIds\.png: cannot be read"):
        load_task({"source": "cityscapes", "path": str(tmp_path)})
    Image.fromarray(numbers[:9]).save(path)
    with pytest.raises(PairFault, match=r"instanceIds\.png: has 30 x 9 pixels, the image 30 x 20"):
        load_task({"source": "cityscapes", "path": str(tmp_path)})
    empty = tmp_path / "empty"
    with pytest.raises(PairFault):
        load_task({"source": "cityscapes", "path": str(empty)})
