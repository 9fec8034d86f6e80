"""Secrets where the operator's bindings do not let them be used: another team's folder, a host that is not theirs."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from chronos_gitops.jobs import template
from chronos_gitops.jobs.bindings import Bindings
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.rules.placeholders import texts
from chronos_gitops.jobs.source import Source
from chronos_gitops.jobs.wording import short
from chronos_gitops.jobs.yaml12.place import Path

_HINT = "the operator says where a secret may be used (secrets.bind in chronos.toml)"


def check(source: Source, bindings: Bindings) -> Iterator[Problem]:
    """One problem per reference. Whatever is not decided by the file alone is judged when the request is made."""
    for path, text in texts(source):
        for offset, name in template.secrets(text):
            binding = bindings.get(name)
            refusal = binding and binding.refusal(host=_host(source, path), path=source.file)
            if refusal:
                spot = source.spot_of(path, text[offset : text.index("}", offset) + 1])
                yield spot.problem(source.file, "secret-binding", f'the secret "{short(name)}" {refusal}', _HINT)


def _host(source: Source, path: Path) -> str | None:
    """The host that the text at ``path`` is sent to; None when variables or secrets decide it."""
    to_endpoint = path[1] == "auth" and source.text("webhook", "auth", "type") == "oauth2"
    url = source.text(*(("webhook", "auth", "token_url") if to_endpoint else ("webhook", "url")))
    if not url or url.startswith("${secret:"):
        return None
    try:
        parts = urlsplit(template.substitute(url, variable=lambda _: "{}", secret=lambda _: "{}"))
        return None if "{}" in parts.netloc else parts.hostname
    except ValueError:
        return None  # another rule tells what is wrong with the url
