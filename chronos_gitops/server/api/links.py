"""Addresses of this runner as a browser and a client have to write them, behind a proxy or not."""

from urllib.parse import urlsplit

from flask import request

from chronos_gitops.server.api.request_context import service


def path(inner: str) -> str:
    """A path of ours, ``/jobs``, with the path of ``public_url`` before it."""
    return f"{request.script_root}{inner}"


def here(*, with_query: bool = False) -> str:
    """The path of this request."""
    return path(request.full_path.rstrip("?") if with_query else request.path)


def origin() -> str:
    """Scheme, host and port under which this runner is reached: of ``public_url``, else as the request came."""
    parts = urlsplit(service().settings.public_url or request.host_url)
    return f"{parts.scheme}://{parts.netloc}"


def absolute(inner: str) -> str:
    return origin() + path(inner)
