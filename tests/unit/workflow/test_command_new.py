"""``ckptrank new``: from a folder of images to a config that can run."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.support.configs import DEFAULTS

from ckptrank.cli import main
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.new import look

ROOT = Path(__file__).parents[3]


def make_images(folder, **counts):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.jpg").write_bytes(b"")
    return folder


def read(file):
    """Return the config as the workflow sees it: over the default one, checked."""
    return complete_config(yaml.safe_load(file.read_text(encoding="utf-8")), DEFAULTS, [file])


def test_one_folder_of_classes(tmp_path, capsys):
    images = make_images(tmp_path / "My pets: 2026", cat=30, dog=12, **{"guinea pig": 4})
    assert main(["new", str(tmp_path / "run"), "--images", str(images)]) == 0
    file = tmp_path / "run" / "config.yaml"
    config = read(file)
    assert config["select"]["tasks"] == ["My_pets_2026"]
    task = config["tasks"]["My_pets_2026"]
    assert (task["source"], task["path"], task["test_fraction"]) == ("folder", str(images), 0.2)
    assert task["validation"] == 0.2
    assert len(config["groups"]["candidates"]["checkpoints"]) == 10
    told = capsys.readouterr().out
    for text in (told, file.read_text()):
        assert "3 classes" in text
        assert "46 images" in text
        assert "most of 'cat' (30), fewest of 'guinea pig' (4)" in text
        assert "fewer than 10 training images of 'guinea pig'" in text
    assert f"make rank PRESET={file}" in told


def test_a_folder_that_is_split_already(tmp_path):
    images = tmp_path / "flowers"
    make_images(images / "train", rose=20, iris=20)
    make_images(images / "test", rose=3)
    assert main(["new", str(tmp_path / "run"), "--images", str(images)]) == 0
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "40 train + 3 test images" in text
    assert "no test image of 'iris'" in text
    task = read(tmp_path / "run" / "config.yaml")["tasks"]["flowers"]
    assert "test_fraction" not in task
    assert task["validation"] == 0.2


def test_a_validation_set_beside_a_test_set_is_to_choose_settings_by(tmp_path, capsys):
    images = tmp_path / "flowers"
    for split in ("train", "Val", "test"):
        make_images(images / split, rose=20, iris=5)
    assert main(["new", str(tmp_path / "run"), "--images", str(images)]) == 0
    assert "25 train + 25 test + 25 validation images" in capsys.readouterr().out
    assert look(str(images)).ranked == 50
    assert read(tmp_path / "run" / "config.yaml")["tasks"]["flowers"]["validation"] == "Val"


def test_few_images_are_not_divided_further(tmp_path):
    images = make_images(tmp_path / "photos", a=9, b=9)
    main(["new", str(tmp_path / "run"), "--images", str(images)])
    assert "validation" not in read(tmp_path / "run" / "config.yaml")["tasks"]["photos"]


def test_a_validation_set_is_the_test_set_and_empty_folders_are_told(tmp_path, capsys):
    images = tmp_path / "flowers"
    make_images(images / "Train", rose=20, iris=20, tulip=0)
    make_images(images / "val", rose=3, iris=2)
    assert main(["new", str(tmp_path / "run"), "--images", str(images)]) == 0
    told = capsys.readouterr().out
    assert "2 classes; 40 train + 5 test images" in told
    assert "Mind: no images in 'Train/tulip': left out." in told
    assert "test_fraction" not in read(tmp_path / "run" / "config.yaml")["tasks"]["flowers"]


def test_without_a_place_the_images_lie_in_the_run_itself(tmp_path):
    make_images(tmp_path / "birds" / "images", wren=12, robin=12)
    assert main(["new", str(tmp_path / "birds")]) == 0
    assert read(tmp_path / "birds" / "config.yaml")["select"]["tasks"] == ["birds"]


def test_the_template_has_every_place_that_is_filled_in(tmp_path):
    images = make_images(tmp_path / "photos", a=10, b=10)
    main(["new", str(tmp_path / "run"), "--images", str(images)])
    text = (tmp_path / "run" / "config.yaml").read_text()
    for left in ("my_images", "My images", "take this line away"):
        assert left not in text


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda folder: None, "no such file or folder"),
        (lambda folder: folder.mkdir(), "no class folders with images"),
        (lambda folder: make_images(folder, cat=0, dog=0), "no class folders with images"),
        (lambda folder: make_images(folder, cat=9), "holds one class, 'cat'"),
        (lambda folder: make_images(folder.parent, photos=9), "9 images and no class folders"),
        (
            lambda folder: (
                make_images(folder / "train", cat=2),
                make_images(folder / "test", cat=1, dog=1),
            ),
            "has no images of 'dog', test has",
        ),
    ],
)
def test_faults_are_told_and_nothing_is_written(tmp_path, capsys, build, words):
    build(tmp_path / "photos")
    assert main(["new", str(tmp_path / "run"), "--images", str(tmp_path / "photos")]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert str(tmp_path / "photos") in error
    assert not (tmp_path / "run").exists()


def test_a_config_is_never_overwritten(tmp_path, capsys):
    images = make_images(tmp_path / "photos", a=10, b=10)
    (tmp_path / "config.yaml").write_text("mine")
    assert main(["new", str(tmp_path), "--images", str(images)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_without_images_it_says_how_to_give_them(tmp_path, capsys):
    assert main(["new", str(tmp_path / "run")]) == 1
    assert "--images FOLDER" in capsys.readouterr().err


def test_it_is_a_command_that_needs_no_torch(tmp_path):
    images = make_images(tmp_path / "photos", a=10, b=10)
    code = (
        "import sys; from ckptrank.cli import main; "
        f"main(['new', {str(tmp_path / 'run')!r}, '--images', {str(images)!r}]); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    asked = [Path(sys.executable).with_name("ckptrank"), "--help"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert "write a commented starter config" in done.stdout
