"""With which key a namespace is encrypted."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.encryption import Key, key_id
from chronos_gitops.engine.temporal.connection.namespace_mark import NamespaceMark

_MARK: Final = NamespaceMark(names.ENCRYPTION, "identity/encryption")


async def check(client: Client, keys: Sequence[Key]) -> None:
    """EngineUnreadable for a runner that cannot read the mark: its workers would fail each task that they get. With
    keys the mark is made, or made anew when another key encrypts from now on."""
    found = await _key_of_mark(client)
    if found is not None:
        await client.data_converter.decode([found])
    if keys and (found is None or key_id(found) != keys[0].id):
        await _MARK.write(client, keys[0].id.decode())


async def _key_of_mark(client: Client) -> Payload | None:
    """As it is stored: what it is encrypted with tells the key. None where nothing was ever encrypted."""
    described = await _MARK.described(client)
    return None if described is None else described.raw_description.workflow_execution_info.memo.fields[names.KEY]
