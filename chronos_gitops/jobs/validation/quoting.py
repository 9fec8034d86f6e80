"""Quotes values of a file in messages: short, on one line, without invisible characters."""

from collections.abc import Sequence

_LONGEST = 40


def printable(text: str) -> str:
    """The text with line breaks, control and other invisible characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(text: str) -> str:
    """At most 40 characters of the text, printable."""
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def dotted(path: Sequence[str | int]) -> str:
    """``("webhook", "success_codes", 0)`` as ``webhook.success_codes[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{short(step)}" for step in path)
    return text.removeprefix(".") or "the file"
