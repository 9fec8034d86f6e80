"""The lines of an allowed signers file (ssh-keygen(1), ALLOWED SIGNERS), for messages: ssh-keygen decides."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from chronos_gitops.git.signatures.signers import is_key_type
from chronos_gitops.process.lazy_dataclass import dataclass

_WORD: Final = re.compile(r'(?:"[^"]*"|[^\s"])+')
_OPTION: Final = re.compile(r'(?<![a-z-])([a-z-]++)(?:="([^"]*)")?(?:,|\Z)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line. ``principals`` is empty where the line begins with the key; ``key`` is in base64."""

    number: int
    principals: str
    options: Mapping[str, str]
    key_type: str
    key: str

    def may_sign(self, namespace: str) -> bool:
        patterns = self.options.get("namespaces")
        return patterns is None or any(fnmatchcase(namespace, pattern) for pattern in patterns.split(","))


def parse(text: str) -> Iterator[AllowedSigner]:
    """The signers with a key of their own; certificate authorities and lines that cannot be read are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        words = _WORD.findall(line)
        if not words or words[0].startswith("#"):
            continue
        principals = "" if is_key_type(words[0]) else words.pop(0).strip('"')
        options = {} if not words or is_key_type(words[0]) else _options(words.pop(0))
        if len(words) >= 2 and "cert-authority" not in options:
            yield AllowedSigner(number, principals, options, words[0], words[1])


def _options(text: str) -> dict[str, str]:
    return {name.lower(): value for name, value in _OPTION.findall(text)}
