"""One runner on SQLite: the ledger is in its data folder, and goes away with it."""

import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Self

from faults.evidence import Row
from faults.world import Fault, World

from chronos_gitops.engine.model import EXECUTION_IDENTITY

SELECT_ROWS = """
SELECT id, job, tick, CASE WHEN tick IS NULL THEN NULL ELSE coalesce(range_start, tick) END AS first, status, created_at
FROM executions
"""


class OnSqlite:
    name = "sqlite"
    runners = 1

    def __init__(self) -> None:
        self._archived: list[Path] = []

    def environ(self, number: int) -> Mapping[str, str]:
        return {"CHRONOS_ENGINE": "sqlite"}

    def archive(self, world: World, data: Path) -> None:
        self._archived.append(data)

    def rows(self, world: World) -> list[Row]:
        found = {row.id: row for data in self._archived for row in _rows(data, is_archived=True)}
        return list((found | {row.id: row for row in _rows(world.data(0), is_archived=False)}).values())

    def faults(self) -> Mapping[str, Fault]:
        return {}

    def files(self) -> list[Path]:
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def _rows(data: Path, *, is_archived: bool) -> list[Row]:
    """Of a copy: SQLite resolves /proc/PID/root, which leads to the file in a namespace of its own, to another file."""
    with tempfile.TemporaryDirectory() as folder:
        for file in data.glob("ledger.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder, "ledger.db"))) as connection:
            found = connection.execute("SELECT value FROM identities WHERE name = ?", (EXECUTION_IDENTITY,)).fetchone()
            identity = "" if found is None else found[0]
            return [Row(*row, is_archived, identity) for row in connection.execute(SELECT_ROWS)]
