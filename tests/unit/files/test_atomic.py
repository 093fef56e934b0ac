import fcntl
import json
import os
import subprocess
import sys

import pytest

from ckptrank.files.atomic import atomic_path, discard, read_json, sha256_of, write_json
from ckptrank.seeds import seed_from


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="midway"), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("midway")
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def be_killed_while_writing(path):
    """Leave what a process leaves that gets SIGKILL in the middle of a write."""
    code = (
        "import os, signal, sys; from ckptrank.files.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    before = set(path.parent.iterdir())
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    (left,) = set(path.parent.iterdir()) - before
    assert (left / path.name).read_text() == "half"
    return left


@pytest.mark.parametrize("tidy", [lambda path: write_json(path, {"a": 1}), discard])
def test_what_a_killed_writer_left_goes_and_what_one_at_work_has_stays(tmp_path, tidy):
    path = tmp_path / "result [1].json"
    left = be_killed_while_writing(path)
    with atomic_path(path) as temporary:
        assert not left.exists()
        temporary.write_text('{"b": 2}')
        left = be_killed_while_writing(path)
        tidy(path)
        assert not left.exists()
        assert temporary.exists()
    assert read_json(path) == {"b": 2}
    assert list(tmp_path.iterdir()) == [path]
    discard(path)
    assert not list(tmp_path.iterdir())


def test_without_locks_files_are_written_and_nothing_of_others_is_removed(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    left = be_killed_while_writing(path)

    def refuse(_file, _how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_json(path, {"a": 1})
    assert sorted(tmp_path.iterdir()) == sorted([path, left])


def test_a_written_file_has_the_rights_of_any_other(tmp_path):
    plain, path = tmp_path / "plain", tmp_path / "result.json"
    before = os.umask(0o027)
    try:
        plain.touch()
        write_json(path, {})
    finally:
        os.umask(before)
    assert path.stat().st_mode == plain.stat().st_mode


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert not list(tmp_path.iterdir())


def test_json_round_trip_makes_folders_and_ends_with_a_newline(tmp_path):
    path = tmp_path / "a" / "b.json"
    write_json(path, {"title": "α"})
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert json.loads(path.read_text(encoding="utf-8")) == {"title": "α"}


def test_sha256_of_the_empty_file(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    assert sha256_of(path).startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_seeds_are_pinned_and_tell_names_apart():
    assert seed_from("finetune", "digits", 1) == seed_from("finetune", "digits", 1)
    assert seed_from("ab", "c") != seed_from("a", "bc")
    assert 0 <= seed_from("x") < 2**31
    assert seed_from("pretrain", "shapes") == 2081619173
