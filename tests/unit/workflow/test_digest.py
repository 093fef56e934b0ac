import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ckptrank.measures.registry import METHODS, module_of
from ckptrank.workflow import digest

ROOT = Path(__file__).parents[3]
MODULES = {
    "ckptrank/score.py": "from ckptrank.helpers import help_me\nprint(help_me())\n",
    "ckptrank/__init__.py": "",
    "ckptrank/helpers.py": (
        "from ckptrank.jobs.log import say\n\n"
        "def help_me():\n    from ckptrank.deep import one\n    say(one)\n    return one\n"
    ),
    "ckptrank/deep.py": "one = 1\n",
    "ckptrank/jobs/log.py": "from ckptrank.jobs.attempts import count\nsay = print\n",
    "ckptrank/jobs/attempts.py": "count = 3\n",
    "ckptrank/other.py": "two = 2\n",
}
# What versions of Python have other trees for: more fields, f-strings cut otherwise.
SYNTAX = r'''
import os, json as reader
async def work(items, /, b=1.0, *c, d: int = 0, e=None, **f) -> "str":
    async for item in items:
        yield item
    with (open(b) as g, open(c)):
        print([i async for i in g if i], lambda: 1j, {**f, 1: 0x10}, ...)
    match items:
        case None | False | 0 | {"a": 1, **rest} | [1, *_] as found if found:
            return
    try:
        global x
    except* ValueError:
        x: int = -1e400
class Sample(list, metaclass=type):
    level: str
    texts = f"a{x}b" "c" f"{x!r:>{x}}" f"", f"{x = }{x:}{x:a{x}{x}b}{{", u"\u2603", b"\xff"
    more = rf"\d{x}", f"{x:\x20>3}{x:%H:%M}" "", "\U0001fadf"
    lines = f"""{
x
:>10}"""
'''
SYNTAX_DIGEST = "e7538f9cf5433167"


@pytest.fixture
def library(tmp_path, monkeypatch):
    for name, text in MODULES.items():
        write(tmp_path / name, text)
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path)
    return tmp_path


@pytest.fixture
def real_library(tmp_path, monkeypatch):
    """A copy of the scripts and the library, to edit."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=ignored)
    (tmp_path / ".snakemake").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path / "scripts")
    return tmp_path / "scripts"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def forget():
    for function in (digest.digest_code, digest._look, digest._locate, digest._load):
        function.cache_clear()


def compute(*modules, **options):
    forget()
    return digest.digest_code(*modules, **options)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("ckptrank/score.py", True),
        ("ckptrank/helpers.py", True),
        (
            "ckptrank/deep.py",
            True,
        ),  # imported inside a function of a module that the script imports
        ("ckptrank/other.py", False),
        ("ckptrank/jobs/log.py", False),  # infrastructure
        ("ckptrank/jobs/attempts.py", False),  # reached through infrastructure alone
    ],
)
def test_the_digest_follows_what_is_imported(library, file, changes):
    before = compute("ckptrank.score")
    write(library / file, MODULES[file] + "three = 3\n")
    assert (compute("ckptrank.score") != before) is changes


def test_a_package_of_infrastructure_does_not_count(library, monkeypatch):
    monkeypatch.setattr(digest, "INFRASTRUCTURE", ("ckptrank.jobs",))
    write(library / "ckptrank/jobs/__init__.py", "")
    write(library / "ckptrank/jobs/log.py", "say = print\n")
    write(library / "ckptrank/jobs_of_sweeps.py", "rates = 1\n")
    text = "from ckptrank.jobs import log\nfrom ckptrank.jobs.log import say\nimport ckptrank.jobs.log\n"
    write(
        library / "ckptrank/deep.py", f"{text}from ckptrank.jobs_of_sweeps import rates\none = 1\n"
    )
    before = compute("ckptrank.score")
    write(library / "ckptrank/jobs/__init__.py", "all = 1\n")
    write(library / "ckptrank/jobs/log.py", "say = repr\n")
    assert compute("ckptrank.score") == before
    write(library / "ckptrank/jobs_of_sweeps.py", "rates = 2\n")
    assert compute("ckptrank.score") != before


def test_a_job_can_leave_modules_out_that_its_params_stand_for(library):
    before = compute("ckptrank.score", without=("ckptrank.deep",))
    assert before != compute("ckptrank.score")
    write(library / "ckptrank/deep.py", "one = 2\n")
    assert compute("ckptrank.score", without=("ckptrank.deep",)) == before


ORIGINAL = """
import json
from ckptrank.other import two

def work(items, limit=3, *, scale=1.5):
    kind = "a, b"
    return [scale * item for item in items if item < limit and two], f"{kind}: {limit}"

class Fault(Exception):
    level = 1
"""


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param('"""What it is."""' + ORIGINAL, id="a docstring of the module"),
        pytest.param(
            ORIGINAL.replace("    kind =", '    """Return it."""\n    kind ='), id="of a function"
        ),
        pytest.param(
            ORIGINAL.replace(
                "    level = 1", '    """It is."""\n\n    level = 1\n    """How bad."""'
            ),
            id="of a class and an attribute",
        ),
        pytest.param("# Why\n" + ORIGINAL.replace("1.5):", "1.5):  # noqa"), id="comments"),
        pytest.param(
            ORIGINAL.replace(
                "(items, limit=3, *, scale=1.5)",
                "(\n    items,\n\n    limit=3,\n    *,\n    scale=1.5,\n)",
            ),
            id="line breaks and a trailing comma",
        ),
        pytest.param(ORIGINAL.replace('"a, b"', "('a, '\n        'b')"), id="quotes and brackets"),
        pytest.param(ORIGINAL.replace("    ", "  "), id="indentation"),
        pytest.param(
            ORIGINAL.replace("from ckptrank.other import two\n", "").replace(
                "    kind", "    from ckptrank.other import (\n        two,\n    )\n    kind"
            ),
            id="an own import inside a function",
        ),
        pytest.param(
            ORIGINAL.replace(
                "import two\n",
                "import two\nif TYPE_CHECKING:\n    import numpy as np\n    from ckptrank.jobs.log import say\n",
            ),
            id="imports for type checkers",
        ),
    ],
)
def test_what_does_not_run_does_not_count(library, edited):
    write(library / "ckptrank/deep.py", ORIGINAL)
    before = compute("ckptrank.score")
    assert edited != ORIGINAL
    write(library / "ckptrank/deep.py", edited)
    assert compute("ckptrank.score") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("level = 1", "level = 2"),
        ("level = 1", "level = 1.0"),
        ("level = 1", "level = True"),
        ("level = 1", "level: int = 1"),
        ("level = 1", "pass"),
        ("limit=3", "limit=4"),
        ("limit=3", "limit"),
        ("scale=1.5", "scale=1.25"),
        ("*, scale", "scale"),
        ("item < limit", "item <= limit"),
        ("scale * item", "scale / item"),
        ("limit and", "limit or"),
        ('"a, b"', '"a, c"'),
        ('"a, b"', 'b"a, b"'),
        ("{kind}:", "{kind!r}:"),
        ("{limit}", "{limit:2}"),
        ("{kind}: ", "{kind}:"),
        ("def work", "async def work"),
        ("def work", "@json\ndef work"),
        ("Exception", "OSError"),
        ("import json", "import pickle"),
        ("import json", "import pickle as json"),
        ("    kind =", "    ...\n    kind ="),
        ("    return", "    del kind\n    return"),
        ("import two", "import three as two"),
        ("from ckptrank.other import two", "from ckptrank.third import two"),
    ],
)
def test_what_runs_counts(library, old, new):
    # Both modules are read in any case: only the import tells which of them is meant.
    write(library / "ckptrank/other.py", "two = three = 2\n")
    write(library / "ckptrank/third.py", "two = 3\n")
    modules = ("ckptrank.score", "ckptrank.other", "ckptrank.third")
    write(library / "ckptrank/deep.py", ORIGINAL)
    before = compute(*modules)
    assert ORIGINAL.count(old) == 1
    write(library / "ckptrank/deep.py", ORIGINAL.replace(old, new))
    assert compute(*modules) != before


@pytest.mark.parametrize(
    "imported",
    [
        ("from {0} import one", "one"),
        ("from {0} import one as first", "first"),
        ("import {0} as numbers", "numbers.one"),
        ("from {0} import *", "one"),
    ],
)
def test_a_module_may_move(library, imported):
    line, use = imported
    text = "{line}\n\ndef help_me():\n    return {use}\n"
    write(library / "ckptrank/helpers.py", text.format(line=line.format("ckptrank.deep"), use=use))
    before = compute("ckptrank.score")
    write(library / "ckptrank/numbers/__init__.py", "")
    (library / "ckptrank/deep.py").rename(library / "ckptrank/numbers/first.py")
    moved = line.format("ckptrank.numbers.first")
    write(library / "ckptrank/helpers.py", text.format(line=moved, use=use))
    assert compute("ckptrank.score") == before


def test_a_module_imported_from_its_package_may_move(library):
    text = "from ckptrank{} import {} as numbers\nhelp_me = numbers.one\n"
    write(library / "ckptrank/helpers.py", text.format("", "deep"))
    before = compute("ckptrank.score")
    write(library / "ckptrank/numbers/__init__.py", '"""Numbers."""\n')
    (library / "ckptrank/deep.py").rename(library / "ckptrank/numbers/first.py")
    write(library / "ckptrank/helpers.py", text.format(".numbers", "first"))
    assert compute("ckptrank.score") == before


def test_a_module_given_by_name_counts(library):
    assert compute("ckptrank.score") != compute("ckptrank.score", "ckptrank.other")


def test_the_init_of_a_package_counts_where_it_is_imported(library):
    write(library / "ckptrank/numbers/__init__.py", "one = 1\n")
    write(library / "ckptrank/helpers.py", "from ckptrank.numbers import one as help_me\n")
    before = compute("ckptrank.score")
    write(library / "ckptrank/numbers/__init__.py", "one = 2\n")
    assert compute("ckptrank.score") != before


@pytest.mark.parametrize("module", ["ckptrank.absent", "ckptrank.scores.absent"])
def test_a_module_that_is_not_there_is_named(library, module):
    with pytest.raises(ModuleNotFoundError, match=module):
        compute("ckptrank.score", module)


def test_an_import_of_what_is_not_there_is_named(library):
    write(library / "ckptrank/deep.py", "from ckptrank.absent import one\n")
    with pytest.raises(ModuleNotFoundError, match=r"ckptrank\.absent"):
        compute("ckptrank.score")


def test_a_relative_import_is_refused(library):
    write(library / "ckptrank/deep.py", "from .other import two as one\n")
    with pytest.raises(ValueError, match=r"deep\.py: line 1: relative imports"):
        compute("ckptrank.score")


def test_every_version_of_python_reads_the_same(library):
    write(library / "ckptrank/score.py", SYNTAX)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from ckptrank.workflow import digest; digest.SCRIPTS = Path(sys.argv[2]);"
        "print(digest.digest_code('ckptrank.score'))"
    )
    versions = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    found = {}
    for python in [sys.executable, *filter(None, versions)]:
        run = subprocess.run(
            [python, "-W", "ignore", "-c", code, ROOT / "scripts", library],
            capture_output=True,
            text=True,
        )
        # A name on the path may stand for a Python that is not installed (pyenv).
        if run.returncode != 127:
            found[python] = run.stdout.strip() or run.stderr
    assert set(found.values()) == {SYNTAX_DIGEST}, found


def read(tree):
    reader = digest._Reader()
    reader.visit(tree)
    return reader.words


def test_fields_that_a_newer_python_adds_do_not_count(monkeypatch):
    before = read(ast.parse(SYNTAX))
    for kind in (ast.ClassDef, ast.AsyncFunctionDef, ast.Import, ast.Name, ast.FormattedValue):
        monkeypatch.setattr(kind, "_fields", ("new", "newer", *kind._fields, "newest"))
        for name, empty in (("new", []), ("newer", None), ("newest", 0)):
            monkeypatch.setattr(kind, name, empty, raising=False)
    assert read(ast.parse(SYNTAX)) == before


def test_where_the_text_of_an_f_string_is_cut_does_not_count():
    whole, cut = ast.parse('f"ab{x:cd}"', mode="eval"), ast.parse('f"ab{x:cd}"', mode="eval")
    value = cut.body.values[1]
    value.format_spec.values = [ast.Constant(part) for part in ("c", "", "d")]
    cut.body.values = [ast.Constant("a"), ast.Constant("b"), value, ast.Constant("")]
    assert ast.dump(whole) != ast.dump(cut)
    assert read(whole) == read(cut)


def compute_scores():
    forget()
    without = ("ckptrank.measures.registry",)
    return {
        method: digest.digest_code(
            f"ckptrank.scores.{'network' if 'network' in METHODS[method].inputs else 'features'}",
            module_of(method),
            without=without,
        )
        for method in METHODS
    }


# Methods that are made from another one.
MADE_FROM = {"leep": {"nleep"}, "lgc": {"ntk_score"}}


def test_editing_a_measure_scores_that_one_again(real_library):
    before = compute_scores()
    for method in METHODS:
        path = real_library.joinpath(*module_of(method).split(".")).with_suffix(".py")
        text = path.read_text(encoding="utf-8")
        write(path, text + "more = 1\n")
        after = compute_scores()
        write(path, text)
        changed = {name for name in METHODS if after[name] != before[name]}
        assert changed == {method} | MADE_FROM.get(method, set())


def test_registering_a_measure_scores_no_other_again(real_library):
    before = compute_scores()
    path = real_library / "ckptrank/measures/registry.py"
    write(path, path.read_text(encoding="utf-8") + 'METHODS["new"] = Method("New")\n')
    assert compute_scores() == before


def list_modules_of_jobs():
    """The modules that the rules name for the digests of their jobs."""
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    calls = re.findall(r"digest_code\((.*?)\)", text, re.DOTALL)
    return sorted({name for call in calls for name in re.findall(r'"(ckptrank[.\w]+)"', call)})


def compute_all():
    forget()
    modules = list_modules_of_jobs()
    assert len(modules) > 15
    # A module that was moved is asked for under its new name.
    return [
        digest.digest_code(
            module if digest._locate(module) else f"{MOVED_TO}.{module.split('.')[-1]}"
        )
        for module in modules
    ]


MOVED_TO = "ckptrank.builtin.moved"


def test_moving_a_module_of_the_library_reruns_nothing(real_library):
    before = compute_all()
    moved = ("seeds", "jobs.device", "finetune.train", "tasks.images", "features.extract")
    write(real_library / "ckptrank/builtin/moved/__init__.py", "")
    for module in moved:
        path = real_library.joinpath("ckptrank", *module.split(".")).with_suffix(".py")
        path.rename(real_library / "ckptrank/builtin/moved" / path.name)
    names = "|".join(map(re.escape, moved))
    line = re.compile(rf"from ckptrank\.(?:{names}) import")
    for path in real_library.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        new = line.sub(
            lambda found: f"from {MOVED_TO}.{found[0].split()[1].split('.')[-1]} import", text
        )
        if new != text:
            write(path, new)
    assert compute_all() == before


def test_editing_infrastructure_reruns_nothing(real_library):
    before = compute_all()
    for module in digest.INFRASTRUCTURE:
        path = real_library.joinpath(*module.split(".")).with_suffix(".py")
        write(path, path.read_text(encoding="utf-8") + "more = 1\n")
    assert compute_all() == before


def test_what_was_parsed_before_is_not_parsed_again(library, monkeypatch):
    (library / ".snakemake").mkdir()
    monkeypatch.chdir(library)
    before = compute("ckptrank.score")
    monkeypatch.setattr(digest.ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert compute("ckptrank.score") == before


def test_what_was_read_in_another_way_is_parsed_again(library, monkeypatch):
    (library / ".snakemake").mkdir()
    monkeypatch.chdir(library)
    compute("ckptrank.score")
    monkeypatch.setattr(digest, "READING", digest.READING + 1)
    monkeypatch.setattr(digest.ast, "parse", lambda *_: ast.Module([ast.Break()], []))
    assert compute("ckptrank.score") == compute("ckptrank.deep")


@pytest.mark.parametrize("content", ["", "[]", "{ not JSON"])
def test_a_broken_record_of_what_was_parsed_is_replaced(library, monkeypatch, content):
    before = compute("ckptrank.score")
    (library / ".snakemake").mkdir()
    monkeypatch.chdir(library)
    (library / digest.KNOWN).write_text(content)
    assert compute("ckptrank.score") == before
    assert len(json.loads((library / digest.KNOWN).read_text())) == 3


def test_the_workflow_side_imports_nothing_heavy():
    code = (
        "import sys, ckptrank.workflow.config, ckptrank.workflow.digest;"
        "print([m for m in ('torch', 'numpy', 'pandas', 'scipy', 'h5py') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
