"""Positions in a document, by path and in the text, and the limit of findings in one file."""

from typing import Final

Path = tuple[str | int, ...]
"""Where a value stands in a document: ``("webhook", "headers", "Accept")``."""
Mark = tuple[int, int, int, int]
"""Start line and column, end line and column, from 0, in code points."""

MAX_FINDINGS: Final = 100
MAX_VALUES: Final = 20_000
