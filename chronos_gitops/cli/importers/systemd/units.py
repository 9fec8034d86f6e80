"""Unit files of systemd (systemd.syntax(7)), as systemctl cat prints them one after the other."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

_HEADER: Final = re.compile(r"# (?:/\S*/)?(?P<unit>[^/\s]+\.(?:timer|service))(?P<drop_in>\.d/[^/\s]+\.conf)?\s*\Z")
_SECTION: Final = re.compile(r"\[([^\]]+)\]\s*\Z")
_SETTING: Final = re.compile(r"([A-Za-z0-9-]+)\s*=\s*(.*)\Z", re.DOTALL)


@dataclass(slots=True)
class Unit:
    """The settings of a unit: all values of each by section and name, in their order. An empty one removes those before
    it."""

    name: str
    settings: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def values(self, section: str, name: str) -> list[str]:
        return self.settings.get((section, name), [])

    def value(self, section: str, name: str) -> str:
        """The last one counts; "" where there is none."""
        return next(reversed(self.values(section, name)), "")

    def names(self, section: str) -> list[str]:
        return [name for of, name in self.settings if of == section and self.settings[of, name]]


def read(content: str, name: str) -> dict[str, Unit]:
    """Units by name. Lines before the first header belong to a unit called ``name``, with its section's kind."""
    units: dict[str, Unit] = {}
    unit, section = "", ""
    for line in _lines(content):
        header = _HEADER.match(line)
        if header:
            unit, section = header["unit"], ""
            units.setdefault(unit, Unit(unit))
        elif found := _SECTION.match(line):
            section = found[1]
        elif not line.startswith(("#", ";")) and (setting := _SETTING.match(line)) and section:
            of = unit or f"{name}.{'timer' if section == 'Timer' else 'service'}"
            values = units.setdefault(of, Unit(of)).settings[section, setting[1]]
            values[:] = [*values, setting[2].strip()] if setting[2].strip() else []
    return units


def _lines(content: str) -> Iterator[str]:
    """With lines that end with a backslash joined by a space; comments between them are left out."""
    begun = ""
    for raw in content.splitlines():
        line = raw.strip()
        if begun and line.startswith(("#", ";")):
            continue
        if line.endswith("\\") and not line.startswith(("#", ";")):
            begun += line[:-1] + " "
            continue
        if begun or line:
            yield begun + line
        begun = ""
    if begun:
        yield begun
