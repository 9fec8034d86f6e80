"""A copy of a ledger that a runner writes to, and the check of one."""

import os
import sqlite3
from pathlib import Path

from chronos_gitops.engine.sql.store.sqlite import check, refuse_newer
from chronos_gitops.engine.sql.store.store import StoreUnusable
from chronos_gitops.state.atomic_files import open_private


def copy(ledger: Path, target: Path) -> None:
    """All of it at one instant: a reader of the WAL never holds the writer up. StoreUnusable when it cannot be read."""
    os.close(open_private(target, os.O_RDWR | os.O_CREAT))
    try:
        source = sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        copied = sqlite3.connect(target)
        try:
            source.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")
        finally:
            copied.close()
            source.close()
    except sqlite3.Error as error:
        raise StoreUnusable(
            f"the ledger {ledger} cannot be copied: {error}", hint="see whether its disk is full"
        ) from error


def inspect(ledger: Path) -> int:
    """The number of its executions. StoreUnusable for one that is damaged, or of a newer version."""
    try:
        connection = sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True)
        try:
            check(connection, ledger)
            refuse_newer(connection, ledger)
            count: int = connection.execute("SELECT count(*) FROM executions").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnusable(f"the ledger {ledger} is damaged: {error}", hint="take another backup") from error
    return count
