"""The one list of ranking methods. Importing it imports no method, so that the workflow parses fast.

A *method* is a function; a *measure*, as the config names it, is a method with parameters.
To add one: write ``measures/<name>.py`` and add a line to :data:`METHODS`.
"""

import ast
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Method:
    """How the workflow feeds a method.

    ``inputs``: the arrays that it takes by name; see ``score_inputs.py`` for what each name stands for.
    ``held_out``: it needs evaluation samples that it was not fitted on (else it may score its own).
    ``stack``: the conda environment (``envs/<stack>.yaml``) that holds what its module imports.
    ``combine``: a function in the same module that turns a group's notes into scores, for methods
    whose raw terms only compare within a group.
    """

    title: str
    inputs: tuple[str, ...] = ("features", "labels")
    held_out: bool = False
    stack: str = "numpy"
    gpu: bool = False
    function: str = ""
    combine: str = ""
    reference: str = ""


METHODS: dict[str, Method] = {}


def get_function(method: str) -> Callable[..., float]:
    """Import and return the function of a registered method."""
    module = importlib.import_module(f"ckptrank.measures.{method}")
    return getattr(module, METHODS[method].function or method)


def get_parameters(method: str) -> dict[str, str]:
    """Return the keyword-only parameters of a method and their annotations, without importing it."""
    path = Path(__file__).with_name(f"{method}.py")
    name = METHODS[method].function or method
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            inputs = METHODS[method].inputs
            return {
                a.arg: ast.unparse(a.annotation) if a.annotation else "object"
                for a in node.args.kwonlyargs
                if a.arg not in inputs
            }
    raise LookupError(f"{path} defines no function {name}")
