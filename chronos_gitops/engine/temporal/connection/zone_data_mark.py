"""Which release of the time zone database the runner that started last in a namespace has used."""

from typing import Final

from temporalio.client import Client

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.namespace_mark import NamespaceMark

_MARK: Final = NamespaceMark(names.ZONE_DATA, "identity/zone-data")


async def note(client: Client, release: str) -> str | None:
    """Records this runner's; answers the one before where that is another one."""
    before = await _MARK.read(client)
    if before == release:
        return None
    await _MARK.write(client, release)
    return before
