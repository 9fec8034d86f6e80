"""The calendars behind the digests of watermarks: their contents, and the files they stand in."""

import json
from collections.abc import Collection, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.engine.sql.store import row_mapping
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.engine.ticks.embedded_calendars import EmbeddedCalendars

Contents = Mapping[str, EmbeddedCalendars]
"""By the digest of a timing."""
NO_CONTENTS: Final[Contents] = MappingProxyType({})

# A file that was edited and closes the same as before has other lines and another commit.
_ADD = """
INSERT INTO calendars (digest, document, files) VALUES (:digest, :document, :files)
ON CONFLICT (digest) DO UPDATE SET document = excluded.document, files = excluded.files
WHERE calendars.document <> excluded.document OR coalesce(calendars.files, '') <> excluded.files
"""

_FIND = "SELECT digest, document, files FROM calendars WHERE digest IN (:digests[])"

FORGET = """
DELETE FROM calendars WHERE digest NOT IN (SELECT timing FROM watermarks WHERE timing IS NOT NULL)
"""


def add(session: Session, contents: Contents) -> None:
    """Store what these digests stand for, so that a runner that starts later can say which calendar skipped a scheduled
    time. In one order, so that two runners which write the same rows cannot block each other."""
    in_order = sorted(contents.items(), key=itemgetter(0))
    parameters = [{"digest": digest, **_columns(one.document())} for digest, one in in_order]
    if parameters:
        session.executemany(_ADD, parameters)


def _columns(document: Mapping[str, Any]) -> dict[str, str]:
    calendars = json.dumps([document["skip"], document["freezes"]])
    return {"document": calendars, "files": json.dumps(document["files"], sort_keys=True)}


def contents_of(session: Session, digests: Collection[str]) -> Contents:
    """A digest that is not known any more is left out."""
    if not digests:
        return {}
    found = session.execute(_FIND, {"digests": list(digests)}).fetchall()
    return {row["digest"]: _contents(row) for row in found}


def _contents(row: row_mapping.Row) -> EmbeddedCalendars:
    skip, freezes = json.loads(row["document"])
    return EmbeddedCalendars.read({"skip": skip, "freezes": freezes, "files": json.loads(row["files"] or "{}")})
