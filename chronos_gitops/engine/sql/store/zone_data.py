"""The release of the time zone database that the runner which started last has used."""

from typing import Final

from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.schedule.zones.timezones import rules_version

_NAME: Final = "tzdata"


def note(store: Store) -> str | None:
    """Records this runner's; answers the one before where that is another one."""
    release = rules_version()

    def exchange(session: Session) -> str | None:
        row = session.execute(queries.IDENTITY, {"name": _NAME}).fetchone()
        session.execute(queries.SET_IDENTITY, {"name": _NAME, "value": release})
        return None if row is None or row["value"] == release else str(row["value"])

    return store.write(exchange).result()
