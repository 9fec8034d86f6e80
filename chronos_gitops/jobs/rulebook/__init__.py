"""Every rule of validation by name: what ``chronos-gitops explain`` prints, and the only source of severities."""

from collections.abc import Mapping
from types import MappingProxyType

from chronos_gitops.jobs.rulebook import file, meaning, request, shape, yaml
from chronos_gitops.jobs.rulebook.rule import Rule

SECTIONS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        title: tuple(sorted(rules, key=lambda rule: rule.name))
        for title, rules in (
            ("The file", file.RULES),
            ("The text", yaml.RULES),
            ("The fields", shape.RULES),
            ("When and how a job runs", meaning.RULES),
            ("The request", request.RULES),
        )
    }
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rules in SECTIONS.values() for rule in rules})
