"""Fixtures for notifications: a sender that reaches loopback, and messages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.config.settings import Settings
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.transports.http import NotificationSender

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def new_outlet(tmp_path: Path) -> Callable[..., NotificationSender]:
    """``new_outlet(secret_values={...}, deadline=0.5)``."""

    def make(*, deadline: float = 10.0, **fields: Any) -> NotificationSender:
        made = NotificationSender.of(Settings(str(tmp_path), tmp_path, **fields), lambda: datetime.now(UTC))
        return replace(made, deadline=timedelta(seconds=deadline))

    return make


@pytest.fixture
def letter() -> Notification:
    return Notification(
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "job.failing",
        NOON,
        "daily-backup is failing",
        (
            "Error: it answered <b>503</b> & said @channel <!here>",
            "1 commit changed the job since then: 1a2b3c4d by Ada: Fix",
        ),
        (("job", "https://chronos.example.com/jobs/daily-backup"),),
        {"job": "daily-backup", "failures": 2},
    )
