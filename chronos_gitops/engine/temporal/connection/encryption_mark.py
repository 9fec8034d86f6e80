"""A workflow which only is there says with which key a namespace is encrypted."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.encryption import Key, key_id

_ID: Final = "identity/encryption"


async def check(client: Client, keys: Sequence[Key]) -> None:
    """EngineUnreadable for a runner that cannot read the mark: its workers would fail each task that they get. With
    keys the mark is made, or made anew when another key encrypts from now on."""
    found = await _mark(client)
    if found is not None:
        await client.data_converter.decode([found])
    if keys and (found is None or key_id(found) != keys[0].id):
        await client.start_workflow(
            names.ENCRYPTION,
            id=_ID,
            task_queue=names.TURNS,
            memo={names.KEY: keys[0].id.decode()},
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )


async def _mark(client: Client) -> Payload | None:
    """None where nothing was ever encrypted."""
    try:
        described = await client.get_workflow_handle(_ID).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return described.raw_description.workflow_execution_info.memo.fields[names.KEY]
