import os

import pytest

from ckptrank.files.atomic import write_json
from ckptrank.workflow.local_files import find_files, find_known_by_hash, stamp_folders


def test_files_that_exist_are_inputs(tmp_path):
    path = tmp_path / "my weights.pth"
    path.touch()
    assert find_files({"source": "file", "weights": str(path)}) == [str(path)]
    assert find_files({"source": "file", "weights": path.as_uri()}) == [str(path)]
    assert find_files({"source": "npz", "path": str(path)}) == [str(path)]
    head = tmp_path / "head.pth"
    head.touch()
    both = [str(path), head.as_uri(), "https://example.org/a.pth"]
    assert find_files({"source": "file", "weights": both}) == [str(path), str(head)]


def test_others_are_left_to_the_job(tmp_path):
    for definition in (
        {"source": "file", "weights": "absent.pth"},
        {"source": "file", "weights": "https://example.org/a.pth"},
        {"source": "torchvision", "weights": "IMAGENET1K_V1"},
        {"source": "folder", "path": str(tmp_path)},
        {"source": "builtin"},
    ):
        assert find_files(definition) == []


def test_a_stamp_follows_files_that_come_go_and_are_renamed(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.png").touch()
    definition = {"source": "folder", "path": str(tmp_path)}
    stamps = [stamp_folders(definition)]
    for number, change in enumerate(
        (
            lambda: (tmp_path / "cat/2.png").touch(),
            lambda: (tmp_path / "cat/2.png").rename(tmp_path / "cat/3.png"),
            lambda: (tmp_path / "cat/3.png").unlink(),
            lambda: (tmp_path / "dog").mkdir(),
        ),
        start=1,
    ):
        change()
        folder = tmp_path if number == 4 else tmp_path / "cat"
        os.utime(folder, ns=(number, number))  # clocks of file systems may be coarse
        stamps.append(stamp_folders(definition))
    assert len(set(stamps)) == 5
    assert stamp_folders(definition) == stamps[-1]


def test_without_folders_there_is_no_stamp(tmp_path):
    assert stamp_folders({"source": "builtin"}) == ""
    assert stamp_folders({"source": "folder", "path": str(tmp_path / "absent")}) == ""


def test_code_of_ones_own_and_the_files_of_a_folder_are_inputs(tmp_path):
    (tmp_path / "nets.py").touch()
    (tmp_path / "weights").mkdir()
    for name in ("b.safetensors", "a.json"):
        (tmp_path / "weights" / name).touch()
    definition = {
        "source": "file",
        "library": "python",
        "architecture": f"{tmp_path}/nets.py:build",
        "weights": f"{tmp_path}/weights",
    }
    expected = ["weights/a.json", "weights/b.safetensors", "nets.py"]
    assert find_files(definition) == [str(tmp_path / name) for name in expected]
    assert find_files({**definition, "architecture": "absent.py:build", "weights": "x"}) == []


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"source": "file", "weights": "a.pth"}, []),
        ({"source": "file", "weights": "a.pth", "sha256": "0" * 64}, ["a.pth"]),
        (
            {"source": "folder", "path": "a.zip", "test_path": "b.zip", "sha256": "0" * 64},
            ["a.zip"],
        ),
        ({"source": "manifest", "path": "a.csv", "images": "b.zip", "sha256": "0" * 64}, ["a.csv"]),
        ({"source": "tf_slim", "archive": "a.zip", "weights": "m", "sha256": "0" * 64}, ["a.zip"]),
        ({"source": "tf_slim", "weights": "m", "sha256": "0" * 64}, ["m.index"]),
        (
            {"source": "file", "library": "python", "architecture": "n.py:f", "weights": "a.pth"},
            ["n.py"],
        ),
        (
            {
                "source": "file",
                "weights": ["a.pth", "b.pth", "c.pth"],
                "sha256": ["0" * 64, None, "1" * 64],
            },
            ["a.pth", "c.pth"],
        ),
        ({"source": "file", "weights": ["a.pth", "b.pth"]}, []),
        ({"source": "builtin"}, []),
    ],
)
def test_times_of_files_that_a_hash_tells_do_not_count(tmp_path, monkeypatch, fields, known):
    monkeypatch.chdir(tmp_path)
    for name in ("a.pth", "b.pth", "c.pth", "a.zip", "b.zip", "a.csv", "m.index", "n.py"):
        (tmp_path / name).touch()
    facts = tmp_path / "card.json"
    assert find_known_by_hash(fields, facts) == set(known) <= {*find_files(fields)}
    write_json(facts, {"status": "ok"})
    assert find_known_by_hash(fields, facts) == set(known)
    write_json(facts, {"status": "failed"})
    assert find_known_by_hash(fields, facts) == set()
