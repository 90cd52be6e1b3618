"""HTML and SVG as text in which everything that was inserted is escaped."""

from collections.abc import Iterable
from html import escape


class Safe(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str | float, **attributes: str | float) -> Safe:
    """An element; children are escaped unless they are `Safe`, and `stroke_width` is `stroke-width`."""
    shown = "".join(f' {_name(key)}="{escape(_text(value))}"' for key, value in attributes.items())
    return Safe(f"<{name}{shown}>{join(children)}</{name}>")


def join(parts: Iterable[str | float]) -> Safe:
    """Several pieces, one after the other."""
    return Safe("".join(part if isinstance(part, Safe) else escape(_text(part)) for part in parts))


def table(headings: Iterable[str], rows: Iterable[Iterable[str | float]]) -> Safe:
    """A table with a row of headings; the first column names its row."""
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    body = [tag("tr", *(tag("td" if n else "th", cell) for n, cell in enumerate(row))) for row in rows]
    return tag("div", tag("table", head, tag("tbody", *body)), class_="scroll")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _text(value: str | float) -> str:
    """Numbers short: a hundredth of a pixel is nobody's."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
