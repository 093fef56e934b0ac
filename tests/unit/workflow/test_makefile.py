"""What `make` would run; nothing is run."""

import os
import shutil
import subprocess

from tests.support.workspaces import ROOT


def plan(*given):
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/installed", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("mkdir")]


def test_a_config_of_ones_own_is_run_in_its_folder(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / "config.yaml").touch()
    *_, ranked, reported, told, _ = plan("rank", f"PRESET={folder}/config.yaml")
    assert f'-d "{folder}" ' in ranked
    assert f'--configfile "{folder}/config.yaml"' in ranked
    assert f'--report "{folder}/reports/rank.html"' in reported
    assert told == f'ckptrank answer "{folder}"'


def test_presets_are_run_here():
    lines = plan("report", "PRESET=presets/smoke.yaml")
    runs = [line for line in lines if line.startswith("snakemake")]
    assert len(runs) == 2
    assert all(
        f'-d "{ROOT}" ' in line and '--configfile "presets/smoke.yaml"' in line for line in runs
    )
    assert "--configfile" not in " ".join(plan("demo"))


def test_detectors_are_of_ones_own_config_or_of_the_demo(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").touch()
    *_, tuned, reported, _ = plan("detect", f"PRESET={folder}/config.yaml")
    assert tuned.endswith(" detection")
    assert f'-d "{folder}" ' in tuned
    assert f'--report "{folder}/reports/detection.html"' in reported
    assert '--configfile "presets/detect_demo.yaml"' in plan("detect-demo")[-2]
    assert any("Say for which images" in line for line in plan("detect"))


def test_to_rank_needs_images_or_a_config():
    assert any("Say what to rank for" in line for line in plan("rank"))


def test_to_rank_takes_images_or_a_config_and_not_both(tmp_path):
    command = tmp_path / "ckptrank"
    command.write_text("#!/bin/sh\necho started\n")
    command.chmod(0o755)
    make = ["make", "-s", f"VENV={tmp_path}", f"BIN={tmp_path}", "-o", f"{tmp_path}/installed"]
    alone, both = (
        subprocess.run([*make, "rank", *given], cwd=ROOT, capture_output=True, text=True)
        for given in (["IMAGES=photos"], ["IMAGES=photos", "PRESET=mine/config.yaml"])
    )
    assert (alone.returncode, alone.stdout) == (0, "started\n")
    assert (both.returncode, both.stdout) == (2, "")
    assert "Give IMAGES=photos or PRESET=mine/config.yaml, not both" in both.stderr


# In place of Python: makes an environment of itself alone, and lets anything be installed.
PYTHON = """#!/bin/sh
if [ "$2" = venv ]; then mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; fi
"""


def environment_of(folder, cache):
    """Make the environment of the Makefile in `folder`."""
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    name = subprocess.run(["cksum"], input=str(folder).encode(), capture_output=True).stdout
    made = cache / "ckptrank" / f"venv-{name.split()[0].decode()}"
    command = ["make", f"{made}/packages", f"PYTHON={python}"]
    subprocess.run(
        command, cwd=folder, env={**os.environ, "XDG_CACHE_HOME": str(cache)}, check=True
    )
    return made


def test_an_environment_in_the_cache_goes_with_its_folder(tmp_path):
    kept = environment_of(tmp_path / "a clone", tmp_path / "cache")
    left = environment_of(tmp_path / "another clone", tmp_path / "cache")
    assert (kept / "packages").read_text() == str(tmp_path / "a clone")
    assert (tmp_path / "another clone" / ".venv").resolve() == left
    shutil.rmtree(tmp_path / "another clone")
    environment_of(tmp_path / "third clone", tmp_path / "cache")
    assert (kept / "bin" / "python").exists()
    assert not left.exists()
