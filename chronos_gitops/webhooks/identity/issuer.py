"""Identity tokens: RFC 7519, with the claims of TEAMS section 7."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from chronos_gitops.jobs.folders import folder_of
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import Origin
from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.jobs.webhook import IdentityAuth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.identity.documents import discovery
from chronos_gitops.webhooks.identity.signing_keys import ALGORITHM, IdentityError, SigningKeys
from chronos_gitops.webhooks.request import AttemptContext

LIFETIME_S: Final = 300
_UNQUOTED: Final = "/"
"""Beside letters, digits and ``._-~``: what the parts of a subject may hold as it is."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Claims that all jobs of a runner share. ``repository`` holds no credentials, ``ref`` is a full one such as
    ``refs/heads/main``; ``is_verified``: only commits that passed ``--verify-commits`` are applied."""

    repository: str
    ref: str | None
    environment: str | None
    is_verified: bool


class Issuer:
    """``url`` is the issuer identifier of OpenID Connect Discovery 1.0; ``workload`` is asked for each token."""

    def __init__(self, url: str, keys: SigningKeys, audiences: Audiences, workload: Callable[[], Workload]) -> None:
        self.url = url
        self._keys = keys
        self._audiences = audiences
        self._workload = workload

    def token(self, job: Job, call: AttemptContext, origin: Origin, now: datetime) -> str:
        """A JWT (RFC 7519) for one attempt that is sent to ``origin``; IdentityError when none may be made."""
        auth = job.webhook.auth
        assert isinstance(auth, IdentityAuth)
        if call.commit is None or call.path is None:
            raise IdentityError("what it runs is not committed", hint="commit the job file")
        refusal = None
        if auth.audience is not None:
            refusal = self._audiences.refusal(auth.audience, origin=origin, path=call.path)
        if refusal is not None:
            raise IdentityError(refusal.message, hint=refusal.hint)
        from joserfc import jwt

        key = self._keys.first()
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
        return jwt.encode(header, self._claims(job, call, auth.audience or str(origin), now), key)

    def _claims(self, job: Job, call: AttemptContext, audience: str, now: datetime) -> dict[str, Any]:
        at, workload = int(now.timestamp()), self._workload()
        folder = folder_of(call.path or "")
        return {
            "iss": self.url,
            "aud": audience,
            "sub": subject(workload.environment, folder, job.name),
            "iat": at,
            "nbf": at,
            "exp": at + LIFETIME_S,
            "jti": f"{call.execution_id}.{call.attempt}",
            "job": job.name,
            "job_id": job.id,
            "folder": folder,
            "path": call.path,
            "version": call.version,
            "commit": call.commit,
            "repository": workload.repository,
            "ref": workload.ref,
            "environment": workload.environment,
            "trigger": call.trigger,
            "execution_id": call.execution_id,
            "scheduled_time": rfc3339(call.scheduled_time),
            "verified": workload.is_verified,
            "variables": list(call.variables),
        }

    def discovery(self) -> dict[str, Any]:
        return discovery(self.url)

    def jwks(self) -> dict[str, Any]:
        return self._keys.published()


def subject(environment: str | None, folder: str, job: str) -> str:
    """``environment:production:folder:jobs/billing:job:charge``; ``-`` for no environment. A name cannot look like
    another part, because everything but ``A-Za-z0-9._/-`` is percent-encoded."""
    parts = [("environment", environment or "-"), ("folder", folder), ("job", job)]
    return ":".join(f"{name}:{quote(text, safe=_UNQUOTED).replace('~', '%7E')}" for name, text in parts)
