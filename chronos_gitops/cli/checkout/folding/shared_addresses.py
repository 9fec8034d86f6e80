"""Addresses that differ between environments in the same way, as variables of these environments. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.process.lazy_dataclass import dataclass

_ADDRESS: Final = re.compile(r"(?P<origin>https?://[^/?#\s${}@]+)(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_FEWEST_JOBS: Final = 2
_MOST_ORIGINS: Final = 40
_WORD: Final = "environment"
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SharedAddresses:
    """``urls`` are those of jobs, by the place of their file; ``values`` the variables of each environment that they
    use."""

    urls: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]

    def base(self, place: str, content: Content) -> Content:
        """The content of a job before any environment, where these variables have no value."""
        return content if place not in self.urls else _with_url(content, self.urls[place])

    def contents(self, place: str, contents: Mapping[str, Content]) -> Mapping[str, Content]:
        """The contents of a job by environment."""
        if place not in self.urls:
            return contents
        url = self.urls[place]
        used = {name for name in variables.references(url) if all(name in given for given in self.values.values())}
        return {
            environment: {
                **_with_url(content, url),
                VARIABLES: {**content[VARIABLES], **{name: self.values[environment][name] for name in sorted(used)}},
            }
            for environment, content in contents.items()
        }


def _with_url(content: Content, url: str) -> dict[str, Any]:
    return {**content, "webhook": {**content["webhook"], "url": url}}


@dataclass(frozen=True, slots=True)
class _Address:
    """A url in each environment: its ``origins``, and the ``rest`` that all have once the environment's name in it is
    a variable."""

    origins: tuple[str, ...]
    rest: str

    @property
    def is_apart(self) -> bool:
        return len(set(self.origins)) > 1


def share_addresses(jobs: Mapping[str, Mapping[str, Content]], environments: Sequence[str]) -> SharedAddresses:
    """``jobs`` are the contents by place and environment. Two jobs or more have each difference, and a job that lacks
    an environment keeps its urls."""
    taken = {name for contents in jobs.values() for one in contents.values() for name in one[VARIABLES]}
    found = {
        place: address
        for place, contents in jobs.items()
        if len(contents) == len(environments)
        and (address := _address([contents[name]["webhook"]["url"] for name in environments], environments, taken))
    }
    counts = Counter(address.origins for address in found.values() if address.is_apart)
    words = sum(_reference(_WORD) in address.rest for address in found.values())
    names = _names([one for one, count in counts.most_common(_MOST_ORIGINS) if count >= _FEWEST_JOBS], taken)
    urls = {
        place: (_reference(names[one.origins]) if one.is_apart else one.origins[0]) + one.rest
        for place, one in found.items()
        if (not one.is_apart or one.origins in names) and (_reference(_WORD) not in one.rest or words >= _FEWEST_JOBS)
    }
    used = {name for url in urls.values() for name in variables.references(url)} - taken
    values = {
        environment: {
            **({_WORD: environment} if _WORD in used else {}),
            **{name: origins[number] for origins, name in names.items() if name in used},
        }
        for number, environment in enumerate(environments)
    }
    return SharedAddresses(urls, values)


def _address(urls: Sequence[str], environments: Sequence[str], taken: Collection[str]) -> _Address | None:
    """None where the urls are the same, or differ in another way."""
    found = [match for url in urls if (match := _ADDRESS.fullmatch(url))]
    if len(found) < len(urls) or len(set(urls)) == 1:
        return None
    origins, rests = tuple(match["origin"] for match in found), [match["rest"] for match in found]
    if len(set(rests)) > 1 and not any("${" in rest for rest in rests) and _WORD not in taken:
        rests = [_without(rest, name) for rest, name in zip(rests, environments, strict=True)]
    return _Address(origins, rests[0]) if len(set(rests)) == 1 else None


def _without(rest: str, environment: str) -> str:
    """With a variable where the name of the environment is a word."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])", _reference(_WORD), rest)


def _names(origins: Sequence[tuple[str, ...]], taken: Collection[str]) -> dict[tuple[str, ...], str]:
    """A name for each, after the first label of its first host: ``api`` of ``https://api.example.com``."""
    found: dict[tuple[str, ...], str] = {}
    for one in origins:
        label = one[0].partition("://")[2].partition(":")[0].partition(".")[0].lower()
        stem = label if variables.is_variable_name(label) and not label.isdigit() else "host"
        used, number = {*taken, *found.values(), _WORD}, 2
        name = stem
        while name in used:
            name, number = f"{stem}-{number}", number + 1
        found[one] = name
    return found


def _reference(name: str) -> str:
    return f"{variables.OPENING}{name}}}"
