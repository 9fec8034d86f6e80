"""The address of a request: any URL a person writes, as the exact ASCII that is sent, or a refusal."""

import re
from dataclasses import field
from functools import lru_cache
from urllib.parse import quote

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.origins.origin import Origin, OriginError, split
from chronos_gitops.process.lazy_dataclass import dataclass

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = "!$%&'()*+,/:;=?@[]~"


class RequestError(ChronosError):
    """A request that cannot be made as the file says; the message holds no value that was filled in."""

    kind = "request"


class VariableError(RequestError):
    """A variable of the job has no text for this execution."""

    kind = "variable"


@dataclass(frozen=True, slots=True)
class Target:
    """``url`` is ASCII, percent-encoded, without user info and fragment. Both may be a secret's value."""

    url: str = field(repr=False)
    origin: Origin = field(repr=False)

    @property
    def host(self) -> str:
        return self.origin.host

    @property
    def port(self) -> int:
        return self.origin.port

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Quotes what may not stand in a URL (RFC 3986) and keeps what may; RequestError for what is no http(s) URL."""
        try:
            origin, rest = split(text)
        except OriginError as error:
            raise RequestError(str(error), hint=error.hint) from None
        rest = quote(_BROKEN_ESCAPE.sub("%25", rest), safe=_KEPT)
        return cls(f"{origin}{rest if rest.startswith('/') else f'/{rest}'}", origin)


@lru_cache(maxsize=1000)
def authority_of(url: str) -> str:
    """Scheme-less authority of a url, in lower case; references to secrets are not filled in."""
    return re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0].lower() or url
