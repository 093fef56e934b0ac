"""A digest of the code that a job runs, so that editing a library module reruns just what uses it."""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]


@cache
def digest_code(*modules: str) -> str:
    """Return a digest over the source of ``modules`` and all ``ckptrank`` modules they import.

    A module is a dotted name (``ckptrank.measures.leep``) or a script's file name (``score.py``).
    Imports inside functions count too. Comments and layout do not: the syntax tree is hashed. Kept for
    the life of the process, for thousands of jobs ask for it.
    """
    reached: set[Path] = set()
    waiting = [_locate(module) for module in modules]
    while waiting:
        path = waiting.pop()
        if path is None or path in reached:
            continue
        reached.add(path)
        waiting += [_locate(name) for name in _imports(path)]
    digest = hashlib.sha256()
    for path in sorted(reached):
        digest.update(f"{path.relative_to(SCRIPTS)}\0{_tree(path)}\0".encode())
    return digest.hexdigest()[:16]


def _locate(module: str) -> Path | None:
    if module.endswith(".py"):
        return SCRIPTS / module
    base = SCRIPTS.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _tree(path: Path) -> str:
    return ast.dump(_parse(path))


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names = []
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in names if name.split(".")[0] == "ckptrank")
