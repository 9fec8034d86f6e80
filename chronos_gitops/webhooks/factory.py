"""Builds what sends webhooks from the settings."""

from collections.abc import Callable
from datetime import UTC, datetime

from chronos_gitops import __version__
from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import UsageError
from chronos_gitops.webhooks.attempt import Delivery, OnAttempt
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload
from chronos_gitops.webhooks.identity.signing_keys import IdentityError, SigningKeys
from chronos_gitops.webhooks.preflight.preflight_run import PreflightProbe
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.tls import TlsContexts

_USER_AGENT = f"chronos-gitops/{__version__}"


def trust_of(settings: Settings) -> TlsContexts:
    """UsageError for files that cannot be used."""
    return TlsContexts(settings.egress.ca_file, settings.egress.hosts)


def issuer(settings: Settings, workload: Callable[[], Workload]) -> Issuer | None:
    """Makes identity tokens; None without keys. UsageError for a key that cannot sign, or without an address."""
    if not settings.identity.key_files:
        return None
    url = settings.identity.issuer or settings.public_url
    if not url:
        raise UsageError("identity.key_files needs an issuer", hint="set public_url, or identity.issuer")
    keys = SigningKeys(settings.identity.key_files)
    try:
        keys.check()
    except IdentityError as error:
        raise UsageError(str(error), hint=error.hint) from error
    return Issuer(url, keys, settings.bindings.audiences, workload)


def preflight_probe(
    settings: Settings, trust: TlsContexts, listener: Listener, secrets: Secrets, issuer: Issuer | None
) -> PreflightProbe:
    """Goes by the same settings as ``delivery``."""
    requests = RequestFactory(
        secrets, _USER_AGENT, lambda: datetime.now(UTC), lambda: settings.callback_url(listener.port), issuer
    )
    egress = EgressPolicies.parse(settings.egress, loopback_allowed=settings.listens_on_loopback)
    return PreflightProbe(requests, egress, trust, listener)


def delivery(
    settings: Settings,
    trust: TlsContexts,
    listener: Listener,
    secrets: Secrets,
    issuer: Issuer | None,
    on_attempt: OnAttempt,
) -> Callable[[], Delivery]:
    egress = EgressPolicies.parse(settings.egress, loopback_allowed=settings.listens_on_loopback)
    return lambda: Delivery(
        secrets=secrets,
        egress=egress,
        trust=trust,
        user_agent=_USER_AGENT,
        at_once=settings.max_in_flight,
        per_host=settings.max_in_flight_per_host,
        rate=settings.rate_per_host,
        breaker_after=settings.breaker_after,
        public_url=lambda: settings.callback_url(listener.port),
        listener=listener,
        issuer=issuer,
        on_attempt=on_attempt,
    )
