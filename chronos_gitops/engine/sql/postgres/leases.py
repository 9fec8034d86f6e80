"""The rows of replicas and revisions. Leases are written and judged by the database's clock alone."""

from chronos_gitops.engine.sql.store.queries import UNFINISHED_STATUS
from chronos_gitops.engine.sql.store.store import Session

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_LIVE = f"SELECT id FROM replicas WHERE lease_until > {_NOW}"

_RENEW = f"""
UPDATE replicas SET lease_until = {_NOW} + :lease WHERE id = :id AND lease_until > {_NOW}
"""

_ENTER = f"""
INSERT INTO replicas (id, place, revision, release, lease_until)
VALUES (:id, :place, :revision, :release, {_NOW} + :lease)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, lease_until = excluded.lease_until
"""

# Unfinished executions of one job have one owner (see claims): the runner that has more of them, if there is one.
_TAKE_OVER = f"""
UPDATE executions AS mine SET fence = fence + 1, owner = coalesce(
    (SELECT other.owner FROM executions AS other WHERE other.job = mine.job
     AND other.{UNFINISHED_STATUS} AND other.owner IN (SELECT id FROM replicas) LIMIT 1), :id)
WHERE {UNFINISHED_STATUS} AND (owner IS NULL OR :everything AND owner NOT IN (SELECT id FROM replicas))
"""

# A lease that is longer than any was given while the database's clock was ahead: its runner may be dead.
_SHORTEN = f"""
UPDATE replicas SET lease_until = {_NOW} + :lease WHERE id IN (
    SELECT id FROM replicas WHERE lease_until > {_NOW} + :longest FOR UPDATE SKIP LOCKED
)
"""
_LONGEST_MS = 60_000

# A row that is locked is just being renewed: in time, though it is not visible before it is committed.
_BURY = f"""
DELETE FROM replicas WHERE id IN (
    SELECT id FROM replicas WHERE lease_until <= {_NOW} AND id <> :id FOR UPDATE SKIP LOCKED
)
"""

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('chronos-gitops take over', 0)) AS taken"


def now(session: Session) -> int:
    """Microseconds since 1970."""
    row = session.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now").fetchone()
    return 0 if row is None else int(row["now"])


def renew(session: Session, me: str, lease_s: float) -> bool:
    """False when the lease has run out, or others have taken this one for dead."""
    return session.execute(_RENEW, {"id": me, "lease": round(lease_s * 1000)}).rowcount == 1


def enter(
    session: Session, me: str, place: str, revision: int | None, lease_s: float, *, release: str | None = None
) -> None:
    """``release`` is that of the time zone database."""
    given = {"id": me, "place": place, "revision": revision, "release": release, "lease": round(lease_s * 1000)}
    session.execute(_ENTER, given)


def leave(session: Session, me: str) -> None:
    session.execute("DELETE FROM replicas WHERE id = :id", {"id": me})
    session.execute(f"UPDATE executions SET owner = NULL WHERE owner = :id AND {UNFINISHED_STATUS}", {"id": me})
    session.execute("SELECT pg_notify('chronos', '')")


def live(session: Session) -> frozenset[str]:
    return frozenset(row["id"] for row in session.execute(_LIVE).fetchall())


def others(session: Session, me: str, revision: int | None) -> dict[str, int | None]:
    """The revisions of the other runners that are there, by their ids; tells them this one's when it is given."""
    if revision is not None:
        session.execute("UPDATE replicas SET revision = :revision WHERE id = :id", {"id": me, "revision": revision})
    found = session.execute(f"SELECT id, revision FROM replicas WHERE id <> :id AND lease_until > {_NOW}", {"id": me})
    return {row["id"]: row["revision"] for row in found.fetchall()}


def applied(session: Session, me: str) -> list[str | None]:
    """The commits of the other runners that are there; None for one that has applied none."""
    found = session.execute(
        "SELECT revisions.revision FROM replicas LEFT JOIN revisions ON revisions.number = replicas.revision "
        f"WHERE id <> :id AND lease_until > {_NOW}",
        {"id": me},
    )
    return [row["revision"] or None for row in found.fetchall()]


def releases(session: Session, me: str) -> frozenset[str]:
    """Of the time zone database, those that the other runners have that are there."""
    found = session.execute(
        f"SELECT DISTINCT release FROM replicas WHERE id <> :id AND release IS NOT NULL AND lease_until > {_NOW}",
        {"id": me},
    )
    return frozenset(row["release"] for row in found.fetchall())


def number(session: Session, revision: str, before: int | None) -> int:
    """The place of a revision in the order in which the replicas saw them. One to which a replica goes back, as after
    a forced push, is the newest again; one that a replica has not come to yet is old to it and stays so."""
    session.execute("SELECT pg_advisory_xact_lock(hashtextextended('chronos-gitops apply', 0))")
    row = session.execute("SELECT number FROM revisions WHERE revision = :revision", {"revision": revision}).fetchone()
    if row is not None and (before is None or row["number"] >= before):
        return int(row["number"])
    session.execute(
        "INSERT INTO revisions (revision, number) SELECT :revision, coalesce(max(number), 0) + 1 FROM revisions "
        "ON CONFLICT (revision) DO UPDATE SET number = excluded.number",
        {"revision": revision},
    )
    session.execute("DELETE FROM revisions WHERE number < (SELECT max(number) - 1000 FROM revisions)")
    row = session.execute("SELECT number FROM revisions WHERE revision = :revision", {"revision": revision}).fetchone()
    return 0 if row is None else int(row["number"])


def bound_leases(session: Session, lease_s: float) -> None:
    lease_ms = round(lease_s * 1000)
    session.execute(_SHORTEN, {"lease": lease_ms, "longest": lease_ms + _LONGEST_MS})


def take_over(session: Session, me: str, *, orphans_only: bool) -> int:
    """Takes over executions of dead runners, or without an owner; one runner at a time."""
    row = session.execute(_LOCK).fetchone()
    if row is None or not row["taken"]:
        return 0
    if not orphans_only:
        session.execute(_BURY, {"id": me})
    taken = session.execute(_TAKE_OVER, {"id": me, "everything": not orphans_only}).rowcount
    if taken:
        session.execute("SELECT pg_notify('chronos', '')")
    return taken


def take_place(session: Session, me: str, place: str) -> None:
    """The lock of the data folder is held: an earlier process that had it is dead, whatever its lease says."""
    former = session.execute(
        "DELETE FROM replicas WHERE place = :place AND id <> :id RETURNING id", {"place": place, "id": me}
    )
    ids = [row["id"] for row in former.fetchall()]
    session.execute(f"UPDATE executions SET owner = NULL WHERE owner IN (:ids[]) AND {UNFINISHED_STATUS}", {"ids": ids})
