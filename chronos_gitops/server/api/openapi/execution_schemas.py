"""The shapes of executions, their attempts and callbacks."""

from typing import Final

from chronos_gitops.engine.answers.explanation import TickOutcome
from chronos_gitops.engine.callbacks import Told
from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.expectations.other_changes import Watched
from chronos_gitops.server.api.openapi.shapes import (
    CLOSED_NOW,
    COUNT,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    TEXT_MAP,
    Schema,
    listed,
    nullable,
    one_of,
    page,
    ref,
    shape,
)
from chronos_gitops.webhooks.transport.response_head import NOTED

_OUTCOME: Final[dict[str, Schema]] = {
    "status_code": nullable(NUMBER),
    "error_class": nullable(TEXT),
    "error": nullable(TEXT),
}


def executions() -> dict[str, Schema]:
    fields = _execution()
    attempt = {"attempt": NUMBER, "started_at": INSTANT, "duration_ms": COUNT} | _OUTCOME
    compared = {
        "context": nullable(ref("AttemptContext")),
        "changed": nullable(listed(ref("OtherChange")))
        | {"description": "Of a failed execution: differences from the last success that no commit explains"},
        "since_success": nullable(TEXT)
        | {"description": "Of a failed execution: the last success, and the changes since, in words"},
    }
    sent = {"request": nullable(ref("SentRequest")), "curl": nullable(TEXT)}
    return {
        "Explanation": shape(_explanation(), description="Outcome of one scheduled time of one job."),
        "Execution": shape(fields),
        "TriggeredExecution": shape(fields | {"closed": CLOSED_NOW}),
        "DraftBase": shape(
            {"version": nullable(NUMBER), "commit": nullable(TEXT)},
            description="The last committed version under a draft; null for a file that was never committed.",
        ),
        "ExecutionList": page("Execution"),
        "CallbackRequest": shape(
            {
                "status": one_of(Told) | {"description": "`running` is a heartbeat; the others end the execution."},
                "message": TEXT | {"description": "4 KiB of it are kept"},
            },
            optional=("message",),
        ),
        "CallbackAnswer": shape(
            {"id": TEXT, "status": one_of(Status), "deadline": nullable(INSTANT), "completed_at": nullable(INSTANT)},
            description="Current state of the execution.",
        ),
        "ExecutionDetail": shape(
            fields | {"attempts": listed(ref("Attempt"))} | sent | compared,
            description="`request` and `curl` are the newest attempt's, masked; null where nothing is sent.",
        ),
        "SentRequest": shape(sent_request()),
        **_context(),
        "Attempt": shape(
            attempt
            | {
                "response": nullable(TEXT) | {"description": "At most 4 KiB of the body, secrets redacted"},
                "response_headers": nullable(TEXT_MAP)
                | {
                    "description": f"Headers of the response, secrets redacted: {', '.join(NOTED.values())}. Null for "
                    "attempts of earlier versions"
                },
                "phases": nullable(_phases()),
            },
            description="One HTTP request.",
        ),
    }


def _execution() -> dict[str, Schema]:
    held_by = {"name": TEXT, "reason": TEXT, "path": nullable(TEXT), "line": COUNT, "commit": nullable(TEXT)}
    return {
        "id": TEXT,
        "job": TEXT,
        "scheduled_time": INSTANT,
        "trigger": one_of(Trigger),
        "status": one_of(Status),
        "waiting_for": nullable(one_of(("callback", "requires")))
        | {"description": "The callback of its target, or a success of the job that it requires"},
        "reason": nullable(TEXT),
        "attempts": COUNT | {"description": "Number of attempts"},
        "created_at": nullable(INSTANT),
        "started_at": nullable(INSTANT),
        "completed_at": nullable(INSTANT),
        "duration_ms": nullable(COUNT),
        **_OUTCOME,
        "callback_deadline": nullable(INSTANT) | {"description": "Until when the callback has to come"},
        "last_heartbeat_at": nullable(INSTANT) | {"description": "Time of the target's last heartbeat"},
        "message": nullable(TEXT) | {"description": "Message of the target's last callback, at most 4 KiB"},
        "version": nullable(NUMBER),
        "commit": nullable(TEXT),
        "draft": FLAG | {"description": "It ran changes on disk that were not committed"},
        "base": nullable(ref("DraftBase")),
        "count": NUMBER | {"description": "Number of scheduled times in this row, from range_start to scheduled_time"},
        "range_start": nullable(INSTANT),
        "calendar": nullable(shape(held_by)) | {"description": "The entry of a calendar that held the scheduled time"},
        "moved_to": nullable(INSTANT) | {"description": "The scheduled time that took its place"},
        "moved_from": nullable(INSTANT) | {"description": "The held scheduled time whose place it took"},
        "replay": nullable(TEXT) | {"description": "The id of the replay that ran it"},
        "replay_of": nullable(TEXT) | {"description": "The execution of the scheduled time that it runs again"},
        "idempotency_key": nullable(TEXT) | {"description": "Sent in place of the id"},
        "variables": nullable(TEXT_MAP) | {"description": "The texts that its trigger gave to variables"},
        "requires": nullable(shape({"job": TEXT, "met": FLAG, "execution": nullable(TEXT)}))
        | {"description": "Its gate: the required job, and the success that opened it, where the caller sees it"},
    }


def _explanation() -> dict[str, Schema]:
    return {
        "at": INSTANT,
        "due": FLAG | {"description": "True when the job was due at the instant"},
        "tick": nullable(INSTANT) | {"description": "The scheduled time nearest to `at`, within a minute"},
        "outcome": one_of(TickOutcome),
        "reason": nullable(TEXT),
        "message": TEXT | {"description": "One sentence"},
        "version": nullable(NUMBER),
        "commit": nullable(TEXT) | {"description": "Commit that caused it"},
        "execution": nullable(ref("Execution")),
    }


def _context() -> dict[str, Schema]:
    validity = {"sha256": TEXT, "not_before": INSTANT, "not_after": INSTANT}
    secrets = {"type": "object", "additionalProperties": ref("SecretContext")}
    about = "Circumstances of the last attempt; address and certificate are null without a connection."
    peer = {"address": nullable(TEXT), "certificate": nullable(ref("Certificate"))}
    named = {"what": one_of(Watched), "name": nullable(TEXT) | {"description": "Of a secret or a host"}}
    return {
        "AttemptContext": shape(peer | {"secrets": secrets, "tzdata": TEXT, "runner": TEXT}, description=about),
        "SecretContext": shape({"changed_at": nullable(INSTANT)}),
        "Certificate": shape(validity, description="The leaf that the target showed, by the SHA-256 of its DER form."),
        "OtherChange": shape(
            named | {"before": nullable(TEXT), "after": nullable(TEXT), "at": nullable(INSTANT)},
            description="A difference between a failed execution and the last success before it.",
        ),
    }


def sent_request() -> dict[str, Schema]:
    return {"method": TEXT, "url": TEXT, "headers": TEXT_MAP, "body": nullable(TEXT)}


def _phases() -> Schema:
    milliseconds = nullable({"type": "number", "minimum": 0})
    names = ("dns", "connect", "tls", "first_byte", "read")
    about = "Milliseconds of each phase; null where it did not come so far, or a kept connection needed none."
    return shape(dict.fromkeys(names, milliseconds), description=about)
