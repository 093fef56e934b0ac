"""The Jinja2 environment of every page: autoescape always on, undefined names are errors."""

import base64
import re
from functools import cache
from pathlib import Path

import jinja2
import markupsafe

from ckptrank.report.kit import theme

TEMPLATES = Path(__file__).with_name("templates")


def data_uri(content: str | bytes, mime: str) -> str:
    """Return ``content`` as a ``data:`` URI, so that a download needs no second file."""
    raw = content.encode() if isinstance(content, str) else content
    return f"data:{mime};base64,{base64.b64encode(raw).decode()}"


def mark_code(text: str) -> markupsafe.Markup:
    """Return ``text``, escaped, with what stands between backticks as code."""
    return markupsafe.Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(markupsafe.escape(text))))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["mark_code"] = mark_code
    environment.globals["stylesheet"] = stylesheet
    environment.globals["script"] = script
    return environment


@cache
def stylesheet() -> markupsafe.Markup:
    """Return the CSS of every page, filled with the theme's tokens."""
    text = (
        _environment()
        .get_template("style.css")
        .render(
            light=theme.LIGHT,
            dark=theme.DARK,
            fonts=markupsafe.Markup(theme.FONTS),
            monospace=markupsafe.Markup(theme.MONOSPACE),
        )
    )
    return markupsafe.Markup(text)


@cache
def script(name: str) -> markupsafe.Markup:
    return markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def render(template: str, **context: object) -> str:
    """Render a template; everything in ``context`` is escaped unless it is already ``Markup``."""
    return _environment().get_template(template).render(**context)
