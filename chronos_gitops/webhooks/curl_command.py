"""A masked request as a curl command that a person can paste into a shell."""

import shlex

from chronos_gitops.webhooks.request import MaskedRequest


def curl(request: MaskedRequest) -> str:
    """Every word quoted for a POSIX shell; references to secrets stand where their values belong."""
    method = ("--head",) if request.method == "HEAD" else ("--request", request.method)
    words = ["curl", "--globoff", *method]
    for name, value in request.headers:
        # curl leaves out a header that has nothing after its colon; a semicolon sends it empty.
        words += ["--header", f"{name}: {value}" if value else f"{name};"]
    if request.body is not None:
        words += ["--data-raw", request.body]
    return shlex.join([*words, request.url])
