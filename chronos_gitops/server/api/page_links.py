"""The pages that every page leads to: path, word, and the key after ``g``."""

from typing import Final

PAGES: Final = (
    ("/", "Jobs", "j"),
    ("/executions", "Executions", "e"),
    ("/upcoming", "Upcoming", "u"),
    ("/changes", "Changes", "c"),
    ("/audit", "Audit", "l"),
    ("/status", "Status", "s"),
    ("/api/docs", "API", "a"),
)
