"""The shapes of replays."""

from chronos_gitops.engine.model import Status
from chronos_gitops.engine.operations.replays import ReplayClass, ReplayState
from chronos_gitops.server.api.openapi.shapes import (
    CLOSED_NOW,
    DURATION,
    FLAG,
    INSTANT,
    REASON,
    TEXT,
    Schema,
    listed,
    nullable,
    one_of,
    ref,
    shape,
)


def replays() -> dict[str, Schema]:
    request = {
        "from": INSTANT | {"description": "The first scheduled time, RFC 3339"},
        "until": INSTANT | {"description": "Scheduled times before it, RFC 3339"},
        "only": listed(one_of(ReplayClass))
        | {"minItems": 1, "description": "Default: missed and failed. `skipped` is every reason but `missed`"},
        "again": FLAG | {"description": "Include scheduled times that succeeded, with new keys"},
        "new_key": FLAG | {"description": "Send new keys, for a target that repeats a stored failure"},
        "pace": DURATION | {"description": "The least time between two starts"},
        "reason": REASON,
        "dry_run": FLAG,
        "checksum": TEXT | {"description": "Of a dry run; 409 when something else would run by now"},
    }
    planned = {
        "scheduled_time": INSTANT,
        "now": TEXT | {"description": "The status, of a skipped execution its reason"},
        "execution": TEXT,
        "becomes": one_of(("run", "leave")),
        "why": TEXT,
    }
    item = {
        "scheduled_time": INSTANT,
        "replay_of": TEXT,
        "idempotency_key": nullable(TEXT),
        "execution": nullable(TEXT) | {"description": "null until the item starts"},
        "status": nullable(one_of(Status)) | {"description": "`cancelled` also for items that will not start"},
    }
    about = {
        "id": TEXT,
        "job": TEXT,
        "state": one_of(ReplayState),
        "by": TEXT,
        "reason": TEXT,
        "created_at": INSTANT,
        "ended_at": nullable(INSTANT),
        "items": listed(shape(item)),
    }
    return {
        "ReplayRequest": shape(request, optional=("only", "again", "new_key", "pace", "dry_run", "checksum")),
        "ReplayPlan": shape(
            {"id": nullable(TEXT), "checksum": TEXT, "items": listed(ref("ReplayPlanItem")), "closed": CLOSED_NOW}
        ),
        "ReplayPlanItem": shape(planned),
        "Replay": shape(about),
    }
