"""Numbers and names as the report writes them."""

import math
from numbers import Real

#: What stands for a number that does not exist.
DASH = "–"


def inert(text: str) -> str:
    """Return ``text`` with its look kept and no ``</`` or ``<!`` in it.

    Snakemake writes labels, params and wildcards of the report's results as JSON into a script element
    without escaping these two, which end or upset the script: the whole report would stay blank.
    """
    return text.replace("</", "<\u2215").replace("<!", "<\u01c3")


def is_number(value: object) -> bool:
    """True for a number that is not NaN (infinities count)."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def fixed(value: float, decimals: int = 2) -> str:
    """``-0.05`` -> ``−0.05``: a real minus sign, never a negative zero, infinity as a word."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        text = text[1:] if float(text) == 0 else "−" + text[1:]
    return text


def one_decimal(value: float) -> str:
    return fixed(value, 1)


def significant(value: float, digits: int = 3) -> str:
    """Three significant digits over any range; far from one, a power of ten as in the papers."""
    if math.isinf(value) or value == 0:
        return "0" if value == 0 else fixed(value)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -5 < power < 5:
        decimals = max(digits - 1 - power, 0)
        return f"{value:,.{decimals}f}".replace("-", "−")
    return f"{mantissa}E{power}".replace("-", "−")


def short_count(number: float) -> str:
    """``25,600,000`` -> ``25.6 M``: three digits and a unit, for numbers of parameters."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:
            return f"{significant(number / size)}\xa0{unit}"
    return f"{number:,.0f}"


def percent(fraction: float, decimals: int = 1) -> str:
    return f"{fixed(100 * fraction, decimals)} %"


def megabytes(value: float) -> str:
    """``240 MB``; from a thousand on ``1.20 GB``."""
    return f"{significant(value / 1000)} GB" if value >= 1000 else f"{significant(value)} MB"


def duration(seconds: float) -> str:
    """A length of time in the unit that reads best: ``0.4 ms``, ``3.2 s``, ``2 h 10 min``."""
    if seconds < 0.0995:
        return f"{significant(1000 * seconds, 2)} ms"
    if seconds < 59.5:
        return f"{significant(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min"


def roughly(seconds: float) -> str:
    """An estimated length of time, to no more than two digits: ``40 s``, ``18 min``, ``2.5 h``."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{significant(seconds / size, 2)} {unit}"
    return f"{significant(seconds, 2)} s"


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 pair``, ``1,200 pairs``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(names: list[str], conjunction: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
