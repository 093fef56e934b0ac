"""What all static figures share: one style, and files that come out the same on every run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ckptrank.files.atomic import atomic_path
from ckptrank.report.kit import theme

STYLE = Path(__file__).with_name("ckptrank.mplstyle")


@contextmanager
def saved_figure(
    width: float, height: float, title: str, path_svg: str | Path, path_pdf: str | Path
) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` x ``height`` inches; save it as SVG and PDF at the end.

    The SVG recolours its paper and ink on dark screens; converters and printers ignore that.
    """
    with style.context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        with atomic_path(path_svg) as path:
            figure.savefig(
                path, format="svg", metadata={"Date": None, "Creator": None, "Title": title}
            )
            text = path.read_text(encoding="utf-8")
            rules = f"<style>{theme.dark_svg_rules()}</style>"
            path.write_text(text.replace("<defs>", f"<defs>{rules}", 1), encoding="utf-8")
        with atomic_path(path_pdf) as path:
            metadata = {"CreationDate": None, "Creator": None, "Producer": None, "Title": title}
            figure.savefig(path, format="pdf", metadata=metadata)


def save_sentence(sentence: str, title: str, path_svg: str | Path, path_pdf: str | Path) -> None:
    """Save a figure that says why there is nothing to draw."""
    with saved_figure(8.4, 0.8, title, path_svg, path_pdf) as figure:
        figure.text(0.01, 0.5, sentence, va="center")


def shortened(name: str, length: int = 30) -> str:
    """Return ``name`` on one line, its middle cut out where it is longer than ``length``."""
    name = " ".join(name.split())
    if len(name) <= length:
        return name
    return f"{name[: length - length // 3 - 1]}…{name[-(length // 3) :]}"


def legend_entries(colors: dict[str, str], names: dict[str, str]) -> list[Line2D]:
    """Return one square per category, for bars."""
    return [
        Line2D([], [], ls="", marker="s", ms=6, color=color, label=names.get(category, category))
        for category, color in colors.items()
    ]


def put_legend(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Put a legend above all panels, at the left."""
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=columns,
        handletextpad=0.3,
        columnspacing=1.4,
    )


def note_above(panel: Axes, text: str) -> None:
    """Write a small line between a panel and its title."""
    panel.annotate(
        text,
        (0, 1),
        (0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7,
        color=theme.LIGHT["muted"],
    )


def draw_intervals(
    panel: Axes, rows: Sequence, colors: Sequence[str], *, shift: float = 0.0, marker: str = "o"
) -> None:
    """Draw ``rows`` of (value, low, high) below each other, the first at the top."""
    for at, ((value, low, high), color) in enumerate(zip(rows, colors, strict=True)):
        height = [at + shift, at + shift]
        panel.plot([low, high], height, color=color, lw=2.5, alpha=0.45, solid_capstyle="round")
        panel.plot([value], height[:1], ls="", marker=marker, ms=4.5, color=color)


def name_rows(panel: Axes, names: Sequence[str], highest: float) -> None:
    """Name the rows of :func:`draw_intervals`; ``highest`` is the largest rank on the axis."""
    panel.set_yticks(range(len(names)), [shortened(name) for name in names])
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_xlim(0.5, max(highest, 2) + 0.5)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
