"""A workflow which only is there says which release of the time zone database the runner that started last has used."""

from typing import Final

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names

_ID: Final = "identity/zone-data"


async def note(client: Client, release: str) -> str | None:
    """Records this runner's; answers the one before where that is another one."""
    before = await _recorded(client)
    if before == release:
        return None
    await client.start_workflow(
        names.ZONE_DATA,
        id=_ID,
        task_queue=names.TURNS,
        memo={names.KEY: release},
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
    )
    return before


async def _recorded(client: Client) -> str | None:
    try:
        described = await client.get_workflow_handle(_ID).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    recorded: str = await described.memo_value(names.KEY)
    return recorded
