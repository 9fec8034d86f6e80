"""The channels that want notifications of jobs, and where those who send them read and write."""

from collections.abc import Callable, Sequence

from chronos_gitops.config.channels import Channel
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.outbox import NotificationOutbox


class JobNotices:
    """Sends nothing before it is open. ``on_news`` is called when a message was written."""

    def __init__(self, channels: Sequence[Channel], *, on_news: Callable[[], None] = lambda: None) -> None:
        self._channels = tuple(channel for channel in channels if "job" in channel.kinds)
        self._on_news = on_news
        self._world: tuple[DetectorInputs, NotificationOutbox] | None = None

    def open(self, inputs: DetectorInputs, desk: NotificationOutbox) -> None:
        self._world = inputs, desk
