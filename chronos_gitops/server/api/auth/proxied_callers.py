"""Callers whom a trusted proxy has let in: it names them in a header, and shows the secret that proves the proxy."""

import hmac
import logging
from typing import Final

from flask import request

from chronos_gitops.config.callers.issuers import PROXY, Callers
from chronos_gitops.config.callers.proxy import Proxy
from chronos_gitops.process.small_files import read_secret
from chronos_gitops.server.api import proxied_requests
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.sso.issuers import NoGrant

log = logging.getLogger(__name__)
SECRET_HEADER: Final = "X-Chronos-Proxy-Secret"


def is_shown(proxy: Proxy) -> bool:
    """True if the request's user header counts. One from any other peer, or without the secret, is ignored."""
    if not proxy.user_header or not request.headers.get(proxy.user_header):
        return False
    return proxied_requests.came_through_trusted_proxy() and _is_proven(proxy)


def caller(proxy: Proxy, callers: Callers) -> Caller:
    """NoGrant; ForeignOrigin for a page of another site, which the proxy lets in with its reader's name."""
    if request.method not in origin.SAFE_METHODS:
        origin.check_sent_by_own_page()
    user = request.headers[proxy.user_header]
    listed = request.headers.get(proxy.groups_header, "") if proxy.groups_header else ""
    claims = {"user": user, "groups": [one.strip() for one in listed.split(",") if one.strip()]}
    grants = [one.grant for one in callers.grants if one.origin == PROXY and one.holds(claims)]
    if not grants:
        raise NoGrant(
            f"{user} has no grant here.", hint='Ask the operator for a grant: [[grants]] with from = "proxy".'
        )
    return Caller(user, tuple(grants), via=PROXY, person=user)


def _is_proven(proxy: Proxy) -> bool:
    assert proxy.secret_file is not None  # config.load refuses a header without it
    try:
        secret = read_secret(proxy.secret_file)
    except OSError as error:
        log.warning("proxy_secret_unreadable", extra={"error": error.strerror})
        return False
    shown = request.headers.get(SECRET_HEADER, "").encode("latin-1", "replace")
    return bool(secret) and hmac.compare_digest(shown, secret)
