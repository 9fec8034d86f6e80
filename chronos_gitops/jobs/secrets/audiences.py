"""Which audiences an identity token may name beside the origin that it is sent to (TEAMS section 7)."""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.origins.origin import Origin, OriginPattern
from chronos_gitops.jobs.secrets.refusal import SecretRefusal
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class AudienceBinding:
    """Job files below these folders may name the audience in tokens that are sent to these origins."""

    folders: tuple[str, ...]
    origins: tuple[OriginPattern, ...]


@dataclass(frozen=True, slots=True)
class Audiences:
    """By the audience's text."""

    by_name: Mapping[str, AudienceBinding] = field(default_factory=lambda: MappingProxyType({}))

    def refusal(self, audience: str, *, origin: Origin | None, path: str | None) -> SecretRefusal | None:
        """Why a token for this audience may not be sent to ``origin``; None when it may. The one judgement, on load and
        when a request is made. ``origin`` is None while it is not known, and then not judged."""
        if origin is not None and audience == str(origin):
            return None
        binding = self.by_name.get(audience)
        hint = "see identity.audiences in chronos.toml"
        if binding is None:
            bound = f'leave audience out, or let the operator bind it: [identity.audiences."{audience}"]'
            return SecretRefusal(
                "audience-unbound", f'the audience "{audience}" is not the origin of webhook.url', bound
            )
        if not any(is_path_in(path, folder) for folder in binding.folders):
            used = path or "a job whose file is not known"
            return SecretRefusal("audience-unbound", f'the audience "{audience}" may not be used by {used}', hint)
        if origin is not None and not any(one.holds(origin) for one in binding.origins):
            return SecretRefusal("audience-unbound", f'a token for "{audience}" may not be sent to {origin}', hint)
        return None
