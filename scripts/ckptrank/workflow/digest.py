"""A digest of the code that a job runs, so that editing a library module reruns just what uses it.

It is made of what the files say, wherever they lie: each file gives its syntax tree, without docstrings and
without imports of the library's own modules, together with the names that it imports and the digests of
the files that these come from. Comments, layout, docstrings, the order of own imports, the Python version
and the place of a file in the tree therefore do not count; a constant, a default, an operator, a name and
what it is imported from do.

What it does not see: modules imported by a name that is computed, which a rule names itself; what a docstring
says to code that reads it; where within a file an own import stands. What it sees although only a path
changed: a module's name in a string (``module="ckptrank.early_stopping"``), a module's own new name where
the code uses it, and dotted uses after ``import ckptrank.a.b``, which the library does not have.
"""

import ast
import hashlib
import json
from contextlib import suppress
from functools import cache
from itertools import groupby
from pathlib import Path

from ckptrank.files.atomic import sha256_of, write_json

# Logs, files, locks, retries, progress and threads: modules and packages that no result depends on are
# neither hashed nor followed. `ckptrank.jobs.device` is not among them: it sets determinism and precision.
INFRASTRUCTURE = (
    *(
        "ckptrank.files.atomic",
        "ckptrank.jobs.attempts",
        "ckptrank.jobs.costs",
        "ckptrank.jobs.log",
        "ckptrank.jobs.threads",
    ),
)
LIBRARY = "ckptrank"
SCRIPTS = Path(__file__).parents[2]
# What files of some content come to: parsing them all costs a second, and each job of a cluster starts
# Snakemake twice. The number is that of the way files are read here; raise it with each change of that.
KNOWN = Path(".snakemake/code.json")
READING = 1
_new: set[str] = set()


@cache
def digest_code(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Return a digest over the source of ``modules`` and all of the library that they import.

    ``modules``: dotted names (``ckptrank.measures.leep``), for a job those of the functions that its script
    calls; a script does nothing else, and Snakemake itself notices when one is edited. Imports inside functions count too, those for type checkers alone do not. ``without``: further
    modules and packages to leave out as :data:`INFRASTRUCTURE` is, for a job whose params hold what it
    needs of them. Kept for the life of the process, for thousands of jobs ask for it. Raises
    ``ModuleNotFoundError`` for a module that is not there, ``ValueError`` for a relative import.
    """
    left_out = tuple(f"{prefix}." for prefix in INFRASTRUCTURE + without)
    files: dict[Path, str] = {}
    waiting = [path for module in modules for path in _find(module)]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        code, imports = _look(path)
        uses = set()
        for module, name, bound in imports:
            if f"{module}.{name}.".startswith(left_out):
                continue
            found = _find(module, f"{module}.{name}")
            waiting += found
            # A module that is imported from its package is known by what it says, not by its name.
            is_module = _locate(f"{module}.{name}") is not None
            uses.add((_look(found[-1])[0], "" if is_module else name, bound))
        files[path] = _hash(code, *map(ascii, sorted(uses))) if code or uses else ""
    _save()
    return _hash(*sorted(set(files.values()) - {""}))[:16]


def digest_data(file: str) -> str:
    """Return a digest of a data file, named from the library's folder, for a job whose code reads it."""
    return sha256_of(SCRIPTS / LIBRARY / file)[:16]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _find(*modules: str) -> list[Path]:
    """The files of those modules that there are, in order; one at least."""
    found = [path for path in map(_locate, modules) if path]
    if not found:
        raise ModuleNotFoundError(f"there is no {' or '.join(modules)} below {SCRIPTS}")
    return found


@cache
def _locate(module: str) -> Path | None:
    base = SCRIPTS.joinpath(*module.split("."))
    places = [base.with_suffix(".py"), base / "__init__.py"]
    return next((path for path in places if path.is_file()), None)


@cache
def _look(path: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """The digest of a file's own code, and (module, name, bound name) of its imports of the library."""
    content = path.read_bytes()
    key = _hash(str(READING), hashlib.sha256(content).hexdigest())
    known = _load()
    if key not in known:
        reader = _Reader()
        try:
            for statement in ast.parse(content, str(path)).body:
                reader.visit(statement)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        known[key] = (_hash(*reader.words) if reader.words else "", reader.imports)
        _new.add(key)
    return known[key]


class _Reader(ast.NodeVisitor):
    """Spells out a syntax tree in ``words`` that are equal under all versions of Python.

    ``ast.dump`` is not: newer versions have more fields, which are empty in older code, and cut the text
    of f-strings in other places. Own imports go to ``imports`` instead.
    """

    def __init__(self) -> None:
        self.words: list[str] = []
        self.imports: list[tuple[str, str, str]] = []

    def generic_visit(self, node: ast.AST) -> None:
        self.words.append(f"{type(node).__name__}(")
        for field in sorted(node._fields):
            value = getattr(node, field, None)
            if isinstance(value, list):
                self._read_list(field, value)
            elif isinstance(value, ast.expr_context):
                pass  # told by the place
            elif isinstance(value, ast.AST):
                self.words.append(f"{field}=")
                self.visit(value)
            elif value is not None and value != 0:
                self.words.append(f"{field}={value!a}")
        self.words.append(")")

    def _read_list(self, field: str, items: list) -> None:
        before = len(self.words)
        for item in items:
            if isinstance(item, ast.AST):
                self.visit(item)
            else:
                self.words.append(ascii(item))
        if len(self.words) > before:
            self.words.insert(before, f"{field}=[")
            self.words.append("]")

    def visit_Constant(self, node: ast.Constant | ast.MatchSingleton) -> None:
        self.words.append(f"{type(node).__name__} {node.value!a}")

    visit_MatchSingleton = visit_Constant

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.words.append("JoinedStr(")
        for is_text, parts in groupby(node.values, lambda part: isinstance(part, ast.Constant)):
            if not is_text:
                for part in parts:
                    self.visit(part)
            elif text := "".join(part.value for part in parts):
                self.words.append(ascii(text))
        self.words.append(")")

    def visit_Expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        """Stands where a docstring may stand as well."""

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in (getattr(node.test, "id", ""), getattr(node.test, "attr", "")):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        own = [alias for alias in node.names if _is_own(alias.name)]
        for alias in own:
            package, _, name = alias.name.rpartition(".")
            self.imports.append((package, name, alias.asname or ""))
        node.names = [alias for alias in node.names if alias not in own]
        if node.names:
            self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            raise ValueError(f"line {node.lineno}: relative imports are not followed")
        if _is_own(node.module):
            names = [(alias.name, alias.asname or alias.name) for alias in node.names]
            self.imports += [(node.module, name, bound) for name, bound in names]
        else:
            self.generic_visit(node)


def _is_own(module: str) -> bool:
    return module.split(".")[0] == LIBRARY


@cache
def _load() -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    try:
        known = json.loads(KNOWN.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _save() -> None:
    """Keep what was found for the next process; where that cannot be, it is found again."""
    if _new and KNOWN.parent.is_dir():
        with suppress(OSError):
            write_json(KNOWN, _load())
            _new.clear()
