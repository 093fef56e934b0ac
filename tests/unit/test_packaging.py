"""The wheel: what is in it, what it asks for, and that the measures run beside that alone."""

import shutil
import subprocess
import sys
from email import message_from_string
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from tests.support.workspaces import GENERATED, ROOT

import ckptrank
from ckptrank.measures.registry import METHODS, module_of

PACKAGES = ("ckptrank", "snakemake_logger_plugin_progress")
# Lets nothing be imported but the library, what it asks for and what comes with Python.
ALONE = """
import sys

class Alone:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        allowed = {"ckptrank", "numpy", "scipy", "threadpoolctl", *sys.stdlib_module_names}
        if top not in allowed and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Alone())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy that holds what has no place in it, too."""
    folder = tmp_path_factory.mktemp("a project")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=GENERATED)
    for name in ("tests", "rules"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run(
        [*build, "--wheel-dir", str(folder / "out"), str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "out").iterdir()
    with ZipFile(file) as archive:
        yield archive


def read_metadata(wheel, name):
    return wheel.read(f"ckptrank-{ckptrank.__version__}.dist-info/{name}").decode()


def test_it_holds_the_packages_whole_and_nothing_else(wheel):
    files = {
        path.relative_to(ROOT / "scripts").as_posix()
        for package in PACKAGES
        for path in (ROOT / "scripts" / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == files
    assert {"ckptrank/py.typed", "ckptrank/report/kit/templates/base.html"} <= inside


def test_it_asks_for_little(wheel):
    told = message_from_string(read_metadata(wheel, "METADATA"))
    wanted = [Requirement(line) for line in told.get_all("Requires-Dist")]
    assert {each.name for each in wanted if not each.marker} == {
        "numpy",
        "scipy",
        "threadpoolctl",
    }
    assert all("extra ==" in str(each.marker) for each in wanted if each.marker)
    assert set(told.get_all("Provides-Extra")) == {"torch", "workflow", "report", "dev"}
    assert told["Version"] == ckptrank.__version__


def test_it_brings_the_command(wheel):
    said = read_metadata(wheel, "entry_points.txt").split("\n")
    assert said[:2] == ["[console_scripts]", "ckptrank = ckptrank.cli:main"]


def run_alone(code, wheel):
    """Run code on the wheel's own library; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", ALONE + code],
        env={"PYTHONPATH": wheel.filename},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_measures_and_metrics_are_there_without_extras(wheel):
    with_torch = [name for name, method in METHODS.items() if method.stack == "torch"]
    modules = {module_of(name) for name in METHODS.keys() - with_torch}
    said = run_alone(
        f"""
import importlib
import ckptrank, ckptrank.measures, ckptrank.evaluation.metrics
for module in {sorted(modules)!r}:
    importlib.import_module(module)
for hidden in ("pandas", "sklearn", "h5py", "torch"):
    try:
        importlib.import_module(hidden)
    except ModuleNotFoundError:
        continue
    raise AssertionError(hidden)
print(ckptrank.__file__)
""",
        wheel,
    )
    assert said.startswith(wheel.filename)


def test_the_first_example_of_the_readme_runs_without_extras(wheel):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = text.partition("## Use the measures alone")[2].partition("```python\n")[2]
    example = example.partition("```")[0]
    said = run_alone(
        f"""
import numpy
generator = numpy.random.default_rng(0)
features, labels = generator.random((60, 5)), numpy.arange(60) % 3
{example}
print(nleep(features, labels), logme(features, labels), lfc(features, labels))
""",
        wheel,
    )
    assert len([float(number) for number in said.split()]) == 3
