"""Tables and the note on top of every written page."""

import re
from collections.abc import Iterable, Sequence

_NOTE = "<!-- Written by `make docs` from {source}; a test fails when it is stale. -->"


def head(title: str, source: str, *words: str) -> str:
    return "\n\n".join([f"# {title}", _NOTE.format(source=source), *words])


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """A bar would end the cell, and angle brackets would be read as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def anchor(title: str) -> str:
    """The anchor that forges make of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
