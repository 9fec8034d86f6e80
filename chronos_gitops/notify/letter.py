"""A message in words and as data, the same for every kind of channel."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chronos_gitops.delivery.scrub import printable, scrub

LONGEST = 500
"""Characters of one text of somebody else in a message: an error, the subject of a commit."""


@dataclass(frozen=True, slots=True)
class Letter:
    """``id`` is the same however often it is sent; ``thread`` is that of the incident. ``type`` is "job.failing" and
    the like; ``lines`` are sentences, ``links`` pairs of a word and an address; ``data`` is JSON."""

    id: str
    thread: str
    type: str
    at: datetime
    title: str
    lines: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    data: Mapping[str, Any] | None = None

    def document(self) -> str:
        return json.dumps(
            {
                "id": self.id,
                "thread": self.thread,
                "type": self.type,
                "at": self.at.isoformat(),
                "title": self.title,
                "lines": self.lines,
                "links": self.links,
                "data": self.data,
            },
            ensure_ascii=False,
        )

    @classmethod
    def read(cls, document: str) -> "Letter":
        """The inverse of ``document``."""
        found = json.loads(document)
        given = {"at": datetime.fromisoformat(found["at"]), "lines": tuple(found["lines"])}
        return cls(**found | given | {"links": tuple((word, url) for word, url in found["links"])})

    def scrubbed(self, values: Mapping[str, str]) -> "Letter":
        """Without any of these values, which are replaced by their labels."""
        return replace(
            self,
            title=scrub(self.title, values),
            lines=tuple(scrub(line, values) for line in self.lines),
            data=_scrubbed(self.data, values),
        )


def one_line(text: str) -> str:
    """Somebody else's text as a part of a line of ours: printable, on one line, not too long."""
    line = " ".join(printable(text).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def _scrubbed(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return scrub(value, values)
    if isinstance(value, Mapping):
        return {key: _scrubbed(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(inner, values) for inner in value]
    return value
