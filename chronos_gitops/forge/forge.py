"""The forge of a runner: posts commit statuses while it runs, and opens requests for review."""

from collections.abc import Callable
from typing import Final

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.factory import EngineSetup
from chronos_gitops.forge.calls import CommitStatus
from chronos_gitops.forge.client import forge_client
from chronos_gitops.forge.commit_status import commit_status
from chronos_gitops.forge.status_poster import StatusPoster
from chronos_gitops.rollback.publish import OpenRequest
from chronos_gitops.sync.status import SyncStatus

_DUTY: Final = "commit status"
_GOODBYE_S: Final = 1.0


class ForgeIntegration:
    """Without a forge in the settings it does nothing. Where the engine cannot tell of the other runners though there
    may be some, each has a status of its own, with its ``name`` in the context. ``hear``: see StatusPoster."""

    def __init__(
        self,
        settings: Settings,
        engine: EngineSetup,
        sync: Callable[[], SyncStatus],
        name: Callable[[], str],
        hear: Callable[[str], None],
    ) -> None:
        self._client = forge_client(settings, engine.clock.now)
        self._fleet = fleet = engine.fleet
        self._sync = sync
        self._public_url = settings.public_url
        context = settings.forge.status_name(settings.environment)
        self._context = context
        self._name: Callable[[], str] = str if engine.is_shared else name
        self._poster = (
            None
            if self._client is None
            else StatusPoster(self._client, self._wanted, holds=lambda: fleet.holds(_DUTY), hear=hear)
        )

    @property
    def open_request(self) -> OpenRequest | None:
        """None without a forge."""
        return None if self._client is None else self._client.open_request

    @property
    def trouble(self) -> str:
        """Why the forge does not take the status; empty while it does."""
        return "" if self._poster is None else self._poster.trouble

    def start(self, engine: Engine) -> None:
        """After the engine and the first look at git."""
        if self._poster is not None:
            self._fleet.open(engine)
            self._poster.launch()

    def stop(self) -> None:
        """Returns at once."""
        if self._poster is not None:
            self._poster.stop()

    def join(self) -> None:
        """A call under way gets a moment."""
        if self._poster is not None:
            self._poster.join(_GOODBYE_S)
            self._fleet.close()

    def _wanted(self) -> CommitStatus | None:
        sync = self._sync()
        applied = self._fleet.applied(sync.revision.applied)
        context = "/".join(filter(None, (self._context, self._name())))
        return commit_status(sync, applied, context=context, public_url=self._public_url)
