"""``ckptrank new`` on annotated images: a folder of Pascal VOC's layout, or a file in COCO's format."""

from tests.support.annotations import write_coco, write_voc
from tests.support.configs import DEFAULTS
from tests.unit.workflow.test_command_new import read

from ckptrank.cli import main
from ckptrank.workflow.config import complete_config

BOX = {"image_id": 0, "category_id": 7, "bbox": [2, 2, 10, 6]}


def make_new(tmp_path, images):
    assert main(["new", str(tmp_path / "run"), "--images", str(images)]) == 0
    return tmp_path / "run" / "config.yaml"


def test_a_folder_of_voc(tmp_path, capsys):
    images = {f"i{n}": [(("cat", "dog")[n % 2], 1, 1, 9, 9)] for n in range(24)}
    images["i0"] = [("cat", 5, 5, 5, 9)]  # no area
    voc = write_voc(tmp_path / "zoo", {"train": images, "val": {"j": [("dog", 1, 1, 9, 9)]}})
    file = make_new(tmp_path, voc)
    config = read(file)
    task = config["tasks"]["zoo"]
    assert task == {
        "source": "voc",
        "title": "zoo",
        "path": str(voc),
        "train": "train",
        "test": "val",
        "on_bad_image": "skip",
        "on_bad_annotation": "skip",
    }
    assert config["detection"]["tasks"] == ["zoo"]
    assert config["detection"]["checkpoints"] == config["groups"]["candidates"]["checkpoints"]
    for measures in (config["select"]["measures"], config["rank"]["measures"]):
        assert "h_score" not in measures
    said = capsys.readouterr().out
    assert f"make detect PRESET={file}" in said
    assert f"#   make detect PRESET={file}   fine-tunes" in file.read_text()
    for text in (said, file.read_text()):
        assert "most images with 'dog' (12), fewest with 'cat' (11)" in text
        assert "24 train + 1 test images, 1 without objects" in text
        assert "23 train + 1 test objects, without masks" in text
        assert "1 bad annotations were mended or left out" in text


def test_a_file_of_coco_with_the_images_beside_it(tmp_path):
    boxes = [BOX, {**BOX, "category_id": 8}, {**BOX, "image_id": 1}, {**BOX, "image_id": 2}]
    file = write_coco(tmp_path / "set/all.json", [f"{n}.png" for n in range(9)], boxes)
    task = read(make_new(tmp_path, file))["tasks"]["all"]
    assert (task["path"], task["images"]) == (str(file), str(file.parent))
    assert task["test_fraction"] == 0.2


def test_a_file_of_coco_with_folders_as_coco_has_them(tmp_path):
    notes, boxes = tmp_path / "annotations", [BOX, {**BOX, "category_id": 8}]
    for first, split in enumerate(("train2017", "val2017")):
        written = write_coco(tmp_path / split / "x.json", ["a.png"], boxes, first=first)
        notes.mkdir(exist_ok=True)
        written.rename(notes / f"instances_{split}.json")
    task = read(make_new(tmp_path, notes / "instances_train2017.json"))["tasks"]
    (definition,) = (each for name, each in task.items() if name.startswith("instances"))
    assert definition["images"] == str(tmp_path / "train2017")
    assert definition["test_path"] == str(notes / "instances_val2017.json")
    assert definition["test_images"] == str(tmp_path / "val2017")


def test_candidates_are_those_that_a_detector_can_stand_on(tmp_path):
    boxes = [{**BOX, "image_id": image, "category_id": 7 + image % 2} for image in range(4)]
    names = [f"{number}.png" for number in range(4)]
    config = read(make_new(tmp_path, write_coco(tmp_path / "set/all.json", names, boxes)))
    chosen = config["groups"]["candidates"]["checkpoints"]
    assert {"resnet50", "convnext-tiny", "tiny-vit"} < set(chosen)
    assert "vit-small" in config["checkpoints"]
    assert not [name for name in chosen if name.startswith("vit")]


def write_cats(folder, images, cats):
    """A file of so many images of which the first ``cats`` have a cat, and none has anything else."""
    boxes = [{**BOX, "image_id": image} for image in range(cats)]
    return write_coco(folder / "set/all.json", [f"{n}.png" for n in range(images)], boxes)


def test_objects_of_one_class_are_told_by_the_images_without_it(tmp_path, capsys):
    file = make_new(tmp_path, write_cats(tmp_path, images=40, cats=30))
    config, said = read(file), capsys.readouterr().out
    assert config["rank"]["measures"] == ["linear_converged", "logme", "lfc"]
    assert config["detection"]["views"] == ["images"]
    assert "1 class; 24 training images with 'cat'; 32 train + 8 test images" in said
    assert "fewer than 10 training images without 'cat': ranks will be unsure" in said
    for target in ("rank", "detect"):
        assert f"make {target} PRESET={file}" in said


def test_where_every_image_has_the_one_class_there_is_a_config_for_detectors_alone(
    tmp_path, capsys
):
    file = make_new(tmp_path, write_cats(tmp_path, images=10, cats=10))
    text, said = file.read_text(), capsys.readouterr().out
    config = complete_config(read(file), DEFAULTS, [file])
    assert config["rank"]["measures"] == []
    assert config["detection"]["tasks"] == ["all"]
    assert config["detection"]["checkpoints"]
    assert f"#   make detect PRESET={file}   fine-tunes" in text
    reason = "every training image has 'cat', so that the labels of images tell no checkpoint"
    for each in (text, said):
        assert reason in each
    assert f"make detect PRESET={file}" in said
    for each in (text, said):
        assert "make rank PRESET" not in each
        assert "make report PRESET" not in each


def test_annotations_without_any_object_make_no_task(tmp_path, capsys):
    file = write_cats(tmp_path, images=4, cats=0)
    assert main(["new", str(tmp_path / "run"), "--images", str(file)]) == 1
    assert "its images have no object that a class could be learnt from" in capsys.readouterr().err


def test_what_is_wrong_is_said(tmp_path, capsys):
    file = write_coco(tmp_path / "set/all.json", ["a.png"], [BOX, {**BOX, "category_id": 8}])
    (tmp_path / "set/a.png").unlink()
    assert main(["new", str(tmp_path / "run"), "--images", str(file)]) != 0
    assert "all.json: no image 'a.png' in" in capsys.readouterr().err


def test_the_root_that_torchvision_keeps_voc_in_of_one_year_or_several(tmp_path, capsys):
    images = {f"i{n}": [(("cat", "dog")[n % 2], 1, 1, 9, 9)] for n in range(24)}
    write_voc(tmp_path / "data/VOCdevkit/VOC2007", {"trainval": images})
    task = read(make_new(tmp_path, tmp_path / "data"))["tasks"]["data"]
    assert (task["path"], task["train"]) == (str(tmp_path / "data"), "trainval")
    write_voc(tmp_path / "data/VOCdevkit/VOC2012", {"trainval": images})
    assert main(["new", str(tmp_path / "other"), "--images", str(tmp_path / "data")]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "(VOCdevkit/VOC2007, VOCdevkit/VOC2012); give the path of one" in said
