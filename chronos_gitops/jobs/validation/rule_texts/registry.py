"""Every rule of validation by name: what ``chronos-gitops explain`` prints, and the only source of severities."""

from collections.abc import Mapping
from types import MappingProxyType

from chronos_gitops.jobs.rule import Rule
from chronos_gitops.jobs.validation.rule_texts import (
    calendars,
    fields,
    files,
    layers,
    promises,
    requests,
    timing,
    yaml,
)

SECTIONS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        title: tuple(sorted(rules, key=lambda rule: rule.name))
        for title, rules in (
            ("The file", files.RULES),
            ("The text", yaml.RULES),
            ("The fields", fields.RULES),
            ("Schedule and execution", timing.RULES),
            ("Calendars", calendars.RULES),
            ("Expectations and gates", promises.RULES),
            ("The request", requests.RULES),
            ("Layers and variables", layers.RULES),
        )
    }
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rules in SECTIONS.values() for rule in rules})
