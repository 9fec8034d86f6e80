"""What goes wrong between a runner and its Temporal server."""

from chronos_gitops.errors import ChronosError


class Unavailable(ChronosError):
    """The server does not answer, or cannot do it now; nothing was acknowledged."""

    kind = "unavailable"
