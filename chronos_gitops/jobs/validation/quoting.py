"""Quotes values of a file in messages: short, on one line, without invisible characters."""

from collections.abc import Sequence

_LONGEST = 43


def printable(text: str) -> str:
    """The text with line breaks, control and other invisible characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, most: int, mark: str = "...") -> str:
    """The text, or its beginning and the mark: ``most`` characters altogether."""
    return text if len(text) <= most else text[: most - len(mark)].rstrip() + mark


def short(text: str) -> str:
    """At most 40 characters of a longer text, printable."""
    return printable(cut(text, _LONGEST))


def dotted(path: Sequence[str | int]) -> str:
    """``("webhook", "success_codes", 0)`` as ``webhook.success_codes[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{short(step)}" for step in path)
    return text.removeprefix(".") or "the file"
