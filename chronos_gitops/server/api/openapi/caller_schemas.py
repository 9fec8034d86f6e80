"""The shapes of answers about callers, their logins and what they asked for."""

from chronos_gitops.observability.audit_log import AuditAction, AuditResult
from chronos_gitops.server.api.openapi.shapes import (
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


def callers() -> dict[str, Schema]:
    session = {
        "id": TEXT | {"description": "The SHA-256 of the cookie's value"},
        "name": TEXT,
        "via": TEXT | {"description": "The person's way to log in: token"},
        "address": TEXT,
        "began_at": INSTANT,
        "until": INSTANT,
        "current": FLAG | {"description": "True if this call is made with it"},
    }
    grant = {
        "roles": listed(TEXT),
        "folders": nullable(listed(TEXT))
        | {"description": "Only jobs whose file is in these folders; null for every folder"},
        "tags": TEXT_MAP | {"description": "Only jobs that have all of them"},
    }
    caller = {
        "name": TEXT,
        "via": TEXT | {"description": "token, session, the name of an issuer; none where the runner knows no callers"},
        "grants": listed(ref("Grant")),
        "session": nullable(TEXT) | {"description": "The id of the login"},
        "until": nullable(INSTANT) | {"description": "End of the caller's access"},
    }
    return {
        "Caller": shape(caller),
        "Grant": shape(grant),
        "Session": shape(session),
        "SessionList": page("Session"),
        "EndedSessions": shape({"ended": COUNT}),
    }


def identity() -> dict[str, Schema]:
    """Schemas of the documents that receivers of identity tokens read."""
    issuer = {
        "issuer": TEXT,
        "jwks_uri": TEXT,
        "response_types_supported": listed(TEXT),
        "subject_types_supported": listed(TEXT),
        "id_token_signing_alg_values_supported": listed(TEXT),
        "claims_supported": listed(TEXT),
    }
    key = dict.fromkeys(("kty", "use", "alg", "kid", "n", "e"), TEXT)
    return {
        "IdentityIssuer": shape(issuer),
        "IdentityKey": shape(key),
        "IdentityKeys": shape({"keys": listed(ref("IdentityKey"))}),
    }


def audit() -> dict[str, Schema]:
    entry = {
        "id": NUMBER,
        "at": INSTANT,
        "action": one_of(AuditAction),
        "job": nullable(TEXT),
        "path": nullable(TEXT) | {"description": "The job's file"},
        "by": TEXT | {"description": "The name of the token, else anonymous"},
        "via": nullable(TEXT) | {"description": "Proof of the caller's name: token, session or none"},
        "address": nullable(TEXT) | {"description": "The client's address"},
        "runner": nullable(TEXT) | {"description": "The runner's machine and port"},
        "result": one_of(AuditResult),
        "status": nullable(COUNT) | {"description": "HTTP status of the response; null if no call was made"},
        "target": nullable(TEXT) | {"description": "The requested version, commit, checksum or end"},
        "reason": nullable(TEXT) | {"description": "The reason that the caller gave"},
        "detail": nullable(TEXT) | {"description": "Reason of a refusal or failure"},
        "commit": nullable(TEXT) | {"description": "The commit it made"},
        "review": nullable(TEXT) | {"description": "The address of the request that waits for review, else its branch"},
        "execution": nullable(TEXT) | {"description": "The execution that was started or cancelled"},
        "replay": nullable(TEXT) | {"description": "The replay that was started or cancelled, or has ended"},
        "request_id": nullable(TEXT) | {"description": "null where no call was made"},
        "count": NUMBER | {"description": "Number of equal refusals within a minute that this entry covers"},
    }
    return {"AuditEntry": shape(entry), "AuditList": page("AuditEntry")}
