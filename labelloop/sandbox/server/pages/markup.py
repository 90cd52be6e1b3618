"""HTML whose every inserted text is escaped: names come from anybody who may create a task."""

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class Safe(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str | int | float, **attributes: str | int | float) -> Safe:
    """An element. Children are escaped unless they are `Safe`; a trailing underscore of an attribute is dropped."""
    shown = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Safe(f"<{name}{shown}>{join(children)}</{name}>")


def join(parts: Iterable[str | int | float]) -> Safe:
    """Several pieces, one after the other."""
    return Safe("".join(part if isinstance(part, Safe) else escape(str(part)) for part in parts))


def table(headings: Iterable[str], rows: Iterable[Iterable[str | int]]) -> Safe:
    """A table with a row of headings."""
    head = tag("thead", tag("tr", *(tag("th", heading) for heading in headings)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body), class_="scroll")


def page(title: str, *content: str, status: int = 200) -> HTMLResponse:
    """A whole page. It loads nothing from elsewhere and runs no script."""
    head = join([
        Safe('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · sandbox"),
        Safe(f"<style>{_style()}</style>"),
    ])  # fmt: skip
    top = tag("header", tag("a", "labelloop sandbox", href="/"), tag("span", "a stand-in for CVAT on this machine"))
    body = tag("body", top, tag("main", tag("h1", title), *content))
    html = "<!doctype html>\n" + tag("html", tag("head", head), body, lang="en")
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(html, status, headers=headers)


@cache
def _style() -> str:
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
