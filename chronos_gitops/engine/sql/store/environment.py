"""The environment that a database belongs to."""

from chronos_gitops.engine.environment_claim import EnvironmentClaim
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.store import Session, Store

_NAME = "environment"


def claim_environment(store: Store, claim: EnvironmentClaim) -> Store:
    """The store; closed, and WrongEnvironment, where it belongs to another one."""
    name = claim.name
    if name is None:
        return store

    def recorded(session: Session) -> str:
        add = queries.SET_IDENTITY if claim.is_renamed else queries.ADD_IDENTITY
        session.execute(add, {"name": _NAME, "value": name})
        row = session.execute(queries.IDENTITY, {"name": _NAME}).fetchone()
        return name if row is None else str(row["value"])

    try:
        claim.check(store.write(recorded).result(), "database")
    except BaseException:
        store.close()
        raise
    return store
