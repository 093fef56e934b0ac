"""Write docs/api.md from the docstrings of what is public: ``python docs/make_api.py``."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

from ckptrank.measures import list_measures

PAGE = Path(__file__).with_name("api.md")
HEAD = """\
# The public API
<!-- Written by docs/make_api.py from the docstrings: edit those. -->

```
pip install .            # in a checkout: measures and metrics, with NumPy, SciPy and threadpoolctl alone
pip install '.[torch]'   # and the two measures that work on the network itself
```
```python
from ckptrank.measures import lfc, logme
from ckptrank.evaluation import kendall, rel_at_k

# features: checkpoint -> (N, D) array, the same N samples for all; labels: (N,) integers from 0
scores = [logme(features[name], labels) for name in features]  # a float each, higher = better
kendall(scores, accuracies)  # how well they order the fine-tuned accuracies, -1..1
rel_at_k(scores, accuracies, 3)  # best accuracy among the first three / best of all
```
Public is what this page names; everything else serves the workflow and may change. In a shell,
`ckptrank measures` lists the measures and `ckptrank score FEATURES.h5 --measures lfc,logme` scores feature files
of the workflow. All is typed. Conventions for odd input, differences from published code and speed are in
[measures.md](measures.md).
"""
SECTIONS = {
    "ckptrank.measures": "Measures",
    "ckptrank.measures.accounting": "What a measure counted and noted",
    "ckptrank.evaluation": "Metrics of a ranking",
    "ckptrank.rank": "An order by several measures",
}
WIDTH = 100


def make_page() -> str:
    return "\n".join([HEAD, *(describe_package(name) for name in SECTIONS)])


def describe_package(name: str) -> str:
    package = importlib.import_module(name)
    parts = [f"## {SECTIONS[name]}: `{name}`", to_markdown(inspect.getdoc(package) or "")]
    if name == "ckptrank.measures":
        parts.append(make_table())
    parts += [describe(public, getattr(package, public)) for public in package.__all__]
    return "\n\n".join(parts) + "\n"


def make_table() -> str:
    """The measures in a table: what each takes, whether it is judged on held-out samples, and its source."""
    rows = ["| measure | takes | held-out | install | source |", "| --- | --- | --- | --- | --- |"]
    for measure in list_measures():
        takes = ", ".join(measure.inputs) or "nothing"
        held_out = "yes" if measure.held_out else ""
        extra = f"`[{measure.extra}]`" if measure.extra else ""
        link = f"[`{measure.name}`](#{measure.name})"
        rows.append(f"| {link} | {takes} | {held_out} | {extra} | {measure.reference} |")
    return "\n".join(rows)


def describe(name: str, value: Any) -> str:
    """A public function or class: its signature and docstring; of a list of names the names."""
    if inspect.isfunction(value) or inspect.isclass(value):
        code, text = make_signature(value), to_markdown(inspect.getdoc(value) or "")
    else:
        inner = "".join(f'    "{each}",\n' for each in value)
        code, text = f"{name} = (\n{inner})", ""
    return f"### {name}\n```python\n{code}\n```\n{text}".rstrip()


def make_signature(value: Any) -> str:
    """The signature as the source writes it, which no version of Python prints in its own way."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    if isinstance(node, ast.ClassDef):
        fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
        return f"class {node.name}:\n" + "\n".join(f"    {field}" for field in fields)
    arguments = [ast.unparse(each) for each in split_arguments(node.args)]
    line = f"{node.name}({', '.join(arguments)}) -> {ast.unparse(node.returns)}"
    if len(line) <= WIDTH:
        return line
    inner = "".join(f"    {argument},\n" for argument in arguments)
    return f"{node.name}(\n{inner}) -> {ast.unparse(node.returns)}"


def split_arguments(given: ast.arguments) -> list[ast.AST]:
    """Each argument by itself, as something that can be written as source."""
    plain = [None] * (len(given.args) - len(given.defaults)) + given.defaults
    pairs = [*zip(given.args, plain, strict=True)]
    named = [*zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    star = [ast.Name("*")] if named else []
    starred = [ast.Name(f"**{ast.unparse(given.kwarg)}")] if given.kwarg else []
    return [*map(_argument, pairs), *star, *map(_argument, named), *starred]


def _argument(pair: tuple[ast.arg, ast.expr | None]) -> ast.AST:
    argument, default = pair
    text = ast.unparse(argument) + (f" = {ast.unparse(default)}" if default else "")
    return ast.Name(text)


def to_markdown(docstring: str) -> str:
    """A docstring as Markdown: examples and equations as code, lists of arguments as lists."""
    text = re.sub(r":\w+:`(?:~?[\w.]*\.)?(\w+)`", r"`\1`", docstring).replace("``", "`")
    text = re.sub(r"(?m)::$", ":", text)
    lines, section, in_example = [], "", False
    for line in text.splitlines():
        header = re.fullmatch(r"(Args|Returns|Raises|Example):", line)
        if header:
            section = header[1]
            lines += [] if section == "Returns" else [f"**{section}**", ""]
            continue
        if line and not line.startswith(" "):
            section = ""
        inside = line.removeprefix("    ") if section else line
        is_code = section == "Example" and inside.startswith((">>>", "..."))
        if is_code and not in_example:
            lines.append("```pycon")
            in_example = True
        elif in_example and not inside:
            lines.append("```")
            in_example = False
        if section in ("Args", "Raises") and inside and not inside.startswith(" "):
            inside = re.sub(r"^([\w, ]+):", lambda found: f"- `{found[1]}`:", inside)
        lines.append(("Returns: " if section == "Returns" and lines[-1:] == [""] else "") + inside)
    if in_example:
        lines.append("```")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
