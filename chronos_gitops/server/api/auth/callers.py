"""Callers and their grants: roles for folders (TEAMS section 3)."""

from datetime import datetime
from typing import Final

from chronos_gitops.config.model import ROLES, Grant, Token
from chronos_gitops.process.lazy_dataclass import dataclass

VIA_TOKEN: Final = "token"


@dataclass(frozen=True, slots=True)
class Caller:
    """A call needs one grant that has its role and every path concerned. ``via`` is the way in, ``token`` or the name
    of an issuer, and ``person`` is unique for it; ``name`` is shown."""

    name: str
    grants: tuple[Grant, ...]
    expires: datetime | None = None
    via: str = VIA_TOKEN
    person: str = ""

    @classmethod
    def of(cls, token: Token) -> "Caller":
        return cls(token.name, (token.grant,), token.expires, person=token.name)

    @property
    def roles(self) -> frozenset[str]:
        """Of all grants together."""
        return frozenset().union(*(grant.roles for grant in self.grants))

    def with_role(self, role: str | None, narrow: str | None = None) -> tuple[Grant, ...]:
        """The grants that have the role, or ``narrow``; all of them where no role is needed."""
        return tuple(grant for grant in self.grants if role is None or {role, narrow} & grant.roles)

    def is_over(self, now: datetime) -> bool:
        return self.expires is not None and now >= self.expires

    def document(self) -> list[dict[str, object]]:
        """The grants as the API tells them; ``folders`` null is all."""
        return [
            {
                "roles": sorted(grant.roles, key=lambda role: ([*ROLES, role].index(role), role)),
                "folders": list(grant.folders) or None,
                "tags": dict(grant.tags),
            }
            for grant in self.grants
        ]
