"""The requests of this runner's jobs: rendered with its secrets, by its bindings, under its name."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import Origin
from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.credentials.oauth2 import endpoint_of, token_request
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.identity.issuer import Issuer
from chronos_gitops.webhooks.identity.signing_keys import IdentityError
from chronos_gitops.webhooks.observed import Recorder
from chronos_gitops.webhooks.request import AttemptContext, PreparedRequest, render


@dataclass(frozen=True, slots=True)
class RequestFactory:
    """``public_url`` is the address at which callbacks reach this runner, empty when it is not known. ``issuer``
    makes identity tokens. A ``recorder`` notes the secrets that are used. The methods raise SecretError, RequestError
    and IdentityError."""

    secrets: Secrets
    user_agent: str
    now: Callable[[], datetime]
    public_url: Callable[[], str] = lambda: ""
    issuer: Issuer | None = None

    def rendered(
        self, job: Job, call: AttemptContext, recorder: Recorder | None = None, access_token: str = ""
    ) -> PreparedRequest:
        return render(
            job,
            call,
            secret=partial(self._lookup, recorder),
            user_agent=self.user_agent,
            may_use=partial(self._may_use, call),
            now=self.now(),
            access_token=access_token,
            public_url=self.public_url() if job.awaits_callback else "",
        )

    def identified(self, job: Job, call: AttemptContext, recorder: Recorder | None = None) -> PreparedRequest:
        """Rendered first, because the token names the origin that it is sent to."""
        origin = self.rendered(job, call, recorder).target.origin
        if self.issuer is None:
            raise IdentityError("this runner makes no identity tokens", hint="set identity.key_files in chronos.toml")
        return self.rendered(job, call, recorder, self.issuer.token(job, call, origin, self.now()))

    def token_request(
        self, auth: OAuth2Auth, call: AttemptContext, request: PreparedRequest, recorder: Recorder | None = None
    ) -> PreparedRequest:
        """For the token that ``request`` is to carry: its secrets must be allowed to go there, too."""
        endpoint = endpoint_of(auth)

        def secret(name: str) -> str:
            self._may_use(call, name, endpoint.origin, "")
            self._may_use(call, name, request.target.origin, request.place)
            return self._lookup(recorder, name)

        return token_request(auth, secret=secret, user_agent=self.user_agent, execution_id=call.execution_id)

    def _lookup(self, recorder: Recorder | None, name: str) -> str:
        value = self.secrets.lookup(name)
        if recorder is not None:
            recorder.secret(name, value)
        return value

    def _may_use(self, call: AttemptContext, name: str, origin: Origin, shown: str) -> None:
        self.secrets.check_use(name, origin=origin, path=call.path, shown=shown)
