"""Each conda environment holds what the scripts of its rules import, each extra what the modules behind it do.

Read from the source: a run alone proves nothing, since the packages of whoever runs Snakemake stay
behind the environment's own on ``sys.path``.
"""

import ast
import re
import sys
import tomllib
from functools import cache

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from tests.support.workspaces import ROOT

from ckptrank.measures.registry import METHODS, module_of

SCRIPTS = ROOT / "scripts"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
SCORING = SCRIPTS / "scores"
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
# What conda-forge calls packages of PyPI.
ON_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# Package -> the modules that it brings, where the names differ.
MODULES = {
    "pytorch": ["torch"],
    "pillow": ["PIL"],
    "scikit-learn": ["sklearn"],
    "pyyaml": ["yaml"],
    "matplotlib-base": ["matplotlib"],
    "vl-convert-python": ["vl_convert"],
    "jinja2": ["jinja2", "markupsafe"],
    "snakemake": ["snakemake", "snakemake_interface_logger_plugins"],
}
# Imported inside functions that the rules of an environment do not call.
NOT_CALLED = {
    ("measures", "torch"): "N-LEEP on a GPU, which no rule asks for",
    ("data", "torch"): "only networks turn images into tensors (networks/preprocessing.py)",
    ("report", "torch"): "the name of a processor and the cards of checkpoints need none",
}
# Shipped files are read, no module is imported (builtin/images/packaged.py); torchvision imports gdown when asked.
READ = {("data", "matplotlib"), ("data", "sklearn"), ("data", "gdown")}
# The same of the extras; executors are found by Snakemake, and what a job needs to run a network is torch's.
READ_BY_EXTRA = {
    "torch": set(),
    "workflow": {"matplotlib", "gdown", "snakemake_executor_plugin_slurm"},
    "report": set(),
}
NOT_IN_EXTRA = {
    "torch": set(),
    "workflow": {"torch", "torchvision", "timm", "safetensors"},
    "report": {"torch"},
}


@cache
def locate_module(name):
    if name.endswith(".py"):
        return SCRIPTS / name
    base = SCRIPTS.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def list_imports(path):
    """(module, whether it is imported as soon as the file is) of a file; type checking left out."""
    found = []

    def visit(node, at_once):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, at_once) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and not child.level:
                found.append((child.module, at_once))
                found.extend((f"{child.module}.{alias.name}", at_once) for alias in child.names)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, at_once and not inside)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def reach(*names):
    """Third-party modules that ``names`` and the library modules they reach import -> imported at once."""
    needed, seen = {}, {}
    waiting = [(name, True) for name in names]
    while waiting:
        name, at_once = waiting.pop()
        path = locate_module(name)
        if path is None or seen.get(path, False) or (path in seen and not at_once):
            continue
        seen[path] = at_once
        for imported, directly in list_imports(path):
            top = imported.split(".")[0]
            if top in ("ckptrank", "snakemake_logger_plugin_progress"):
                waiting.append((imported, at_once and directly))
            elif top not in sys.stdlib_module_names:
                needed[top] = needed.get(top, False) or (at_once and directly)
    return needed


def list_rules():
    """(environment, modules that a job loads) of every rule."""
    found = []
    sources = {
        kind: [f"ckptrank.{kind}.{p.stem}" for p in (SCRIPTS / "ckptrank" / kind).glob("*.py")]
        for kind in ("tasks", "checkpoints")
    }
    for file in sorted((ROOT / "rules").glob("*.smk")):
        text = re.sub(r"(?m)^\s*#.*$", "", file.read_text(encoding="utf-8"))
        for body in re.split(r"(?m)^ *(?:rule|checkpoint)\b.*:$", text)[1:]:
            script = re.search(r'script:\s+"\.\./scripts/([\w/{}.]+\.py)"', body)
            if script is None:
                continue
            environment = re.search(r'conda:\s+(f?)"\.\./envs/(.+?)\.yaml"', body)
            assert environment, f"{file.name}: the rule of {script[1]} names no environment"
            modules = [script[1]]
            if "plan.source_module" in body:
                modules += sources["checkpoints"]
            if "plan.task_module" in body:
                modules += sources["tasks"]
            pages = re.findall(r'page="([\w.]+)"', body)
            modules += [f"ckptrank.report.{page}" for page in pages]
            if environment[1]:
                for name, method in METHODS.items():
                    kind = "network" if "network" in method.inputs else "feature"
                    scripts = [f"scores/{path.name}" for path in SCORING.glob(f"score_{kind}*.py")]
                    extra = sources["checkpoints"] if kind == "network" else []
                    found += [(method.stack, [s, module_of(name), *extra]) for s in scripts]
            else:
                found.append((environment[2], modules))
    return found


def read_packages(environment):
    content = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text(encoding="utf-8"))
    return {re.match(r"[\w.-]+", entry)[0]: entry for entry in content["dependencies"]}


def get_modules(packages):
    return {module for name in packages for module in MODULES.get(name, [name.replace("-", "_")])}


def provided(environment):
    return get_modules(read_packages(environment))


def read_lock(python):
    """Package of PyPI -> the version that requirements.lock gives it on Linux with some Python."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = [
        line for line in map(Requirement, lines) if not line.marker or line.marker.evaluate(place)
    ]
    return {line.name: next(iter(line.specifier)).version for line in locked}


def read_python(environment):
    return read_packages(environment)["python"].removeprefix("python =")


def list_needs():
    """Extra -> the modules that what lies behind it imports: name -> whether at once."""
    needs = {"torch": {}, "workflow": {}, "report": {}}
    rules = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in rules)
    for top in re.findall(r"(?m)^(?:import|from) (\w+)", text):
        if top != "ckptrank" and top not in sys.stdlib_module_names:
            needs["workflow"][top] = True
    for package in ("ckptrank", "snakemake_logger_plugin_progress"):
        for path in (SCRIPTS / package).rglob("*.py"):
            module = ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
            reached = reach(module.removesuffix(".__init__"))
            behind = (
                "report" if module.startswith("ckptrank.report.")
                else "torch" if reached.get("torch")
                else "workflow"
            )  # fmt: skip
            for name, at_once in reached.items():
                needs[behind][name] = needs[behind].get(name, False) or at_once
    return needs


RULES = list_rules()


def test_every_rule_with_a_script_is_looked_at():
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    named = set(re.findall(r"scripts/([\w/]+\.py)\"", text))
    scoring = {f"scores/{path.name}" for path in SCORING.glob("*.py")}  # named by a function
    assert {modules[0] for _, modules in RULES} == named | scoring
    assert {environment for environment, _ in RULES} == set(ENVIRONMENTS)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_holds_all_that_its_rules_import(environment):
    missing = {}
    for other, modules in RULES:
        if other == environment:
            for module, at_once in reach(*modules).items():
                excused = not at_once and (environment, module) in NOT_CALLED
                if module not in provided(environment) and not excused:
                    missing.setdefault(module, set()).add(modules[0])
    assert missing == {}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_holds_nothing_that_no_rule_imports(environment):
    needed = {m for other, modules in RULES if other == environment for m in reach(*modules)}
    read = {module for name, module in READ if name == environment}
    assert provided(environment) - needed == {"python"} | read


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_pinned_and_of_conda_forge_alone(environment):
    content = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge", "nodefaults"]
    for name, entry in read_packages(environment).items():
        assert re.fullmatch(rf"{name} =\d+\.\d+", entry), (
            f"{entry} is not pinned to a minor version"
        )


def test_environments_agree_on_what_they_share():
    pins = {}
    for environment in ENVIRONMENTS:
        for name, entry in read_packages(environment).items():
            pins.setdefault(name, set()).add(entry)
    assert {name: entries for name, entries in pins.items() if len(entries) > 1} == {}


@pytest.mark.parametrize("extra", READ_BY_EXTRA)
def test_an_extra_holds_what_the_modules_behind_it_import_and_nothing_else(extra):
    base, brought = (
        get_modules(Requirement(line).name for line in lines)
        for lines in (PROJECT["project"]["dependencies"], EXTRAS[extra])
    )
    needed = list_needs()[extra]
    assert needed.keys() - brought - base == NOT_IN_EXTRA[extra]
    assert not any(needed[module] for module in NOT_IN_EXTRA[extra])
    assert brought - needed.keys() == READ_BY_EXTRA[extra]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_has_the_versions_of_the_lock(environment):
    python = read_python(environment)
    locked = read_lock(python)
    expected = {"python": f"python ={python}"}
    for name in read_packages(environment).keys() - {"python"}:
        version = Version(locked[canonicalize_name(ON_PYPI.get(name, name))])
        expected[name] = f"{name} ={version.major}.{version.minor}"
    assert read_packages(environment) == expected


def test_the_lock_satisfies_what_the_project_requires():
    lines = [
        *PROJECT["project"]["dependencies"],
        *(line for extra in EXTRAS.values() for line in extra),
    ]
    stated = [(canonicalize_name(each.name), each.specifier) for each in map(Requirement, lines)]
    for python in ("3.11", read_python("torch")):
        locked = read_lock(python)
        unmet = [
            name for name, versions in stated if name not in locked or locked[name] not in versions
        ]
        assert unmet == []
    # One bound for all extras that share a package.
    assert len(set(stated)) == len({name for name, _ in stated})


def test_one_range_of_python():
    wanted = PROJECT["project"]["requires-python"]
    least = wanted.removeprefix(">=")
    container = (ROOT / "envs/ckptrank.def").read_text(encoding="utf-8")
    used = [re.search(r"python:([\d.]+)", container)[1], *map(read_python, ENVIRONMENTS)]
    assert [version for version in used if version not in SpecifierSet(wanted)] == []
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{least.replace('.', '')}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"sys.version_info < ({least.replace('.', ', ')})" in makefile
    assert f"--python-version {least} " in makefile
