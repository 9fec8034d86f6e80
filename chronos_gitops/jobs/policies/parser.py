"""A policy file to a Policy, and what is wrong with its form."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from chronos_gitops.jobs import globs
from chronos_gitops.jobs.origins.host_rules import FORMS, HostRule
from chronos_gitops.jobs.policies import schema_subset
from chronos_gitops.jobs.policies.policy import RULE, Policy, PolicyRule
from chronos_gitops.jobs.policies.rules import (
    AllowedHosts,
    FieldGlobs,
    MinimumInterval,
    Path,
    RequiredTags,
    RuleCheck,
    SchemaRule,
)
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules.file_name import is_name
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.calendars.selection import FIELDS as SELECTION_FIELDS
from chronos_gitops.schedule.calendars.selection import Selection, is_list_of_names, parse_selection

_FIELDS: Final = ("select", "rules")
_ABOUT_RULE: Final = ("id", "severity", "message", "except")
_SEVERITIES: Final = tuple(severity.value for severity in Severity)


def parse(name: str, document: Document) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy, None where there are problems; all problems of the file, at most 100."""
    reader = _PolicyReader(document)
    policy = reader.policy(name)
    problems = tuple(dict.fromkeys(reader.problems))[:MAX_FINDINGS]
    return (None if problems else policy), problems


class _PolicyReader:
    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._kinds: Mapping[str, Callable[[Any, Path], RuleCheck | None]] = {
            "tags": self._tags,
            "min_interval": self._min_interval,
            "hosts": self._hosts,
            "match": self._match,
            "schema": self._schema,
        }

    def policy(self, name: str) -> Policy:
        value = self._document.value
        self._refuse_unknown(value, _FIELDS, ())
        rules = value.get("rules")
        if not isinstance(rules, list) or not rules:
            self._refuse(("rules",), "rules is no list of rules", "write - {id: owner, tags: [owner]}", rule="type")
            rules = []
        seen: set[str] = set()
        found = [self._rule(rule, ("rules", number), seen) for number, rule in enumerate(rules)]
        made = tuple(rule for rule in found if rule is not None)
        looks_ahead = any(isinstance(rule.check, MinimumInterval) for rule in made)
        schemas = (rule.check.schema for rule in made if isinstance(rule.check, SchemaRule))
        return Policy(name, self._selection(value), made, looks_ahead, sum(map(schema_subset.size, schemas)))

    def _selection(self, value: Mapping[str, Any]) -> Selection:
        chosen = value.get("select", {})
        if not isinstance(chosen, dict) or ("select" in value and not chosen):
            hint = "write {folder: jobs/payments, tags: {tier: gold}}, or leave it out for every job"
            self._refuse(("select",), "select is no selection of jobs", hint, rule="type")
            return Selection()
        self._refuse_unknown(chosen, SELECTION_FIELDS, ("select",))
        return parse_selection(chosen, ("select",), self._refuse_value) or Selection()

    def _rule(self, rule: Any, path: Path, seen: set[str]) -> PolicyRule | None:
        if not isinstance(rule, dict):
            self._refuse(path, "a rule is a map", "write {id: owner, tags: [owner]}", rule="type")
            return None
        self._refuse_unknown(rule, (*_ABOUT_RULE, *self._kinds), path)
        kinds = [kind for kind in self._kinds if kind in rule]
        if len(kinds) != 1:
            hint = f"write one of {', '.join(self._kinds)}"
            self._refuse(path, f"a rule has exactly one kind, and this one has {len(kinds)}", hint)
            return None
        check = self._kinds[kinds[0]](rule[kinds[0]], (*path, kinds[0]))
        identity, severity = self._id(rule, path, seen), self._severity(rule, path)
        message = rule.get("message", "")
        if not isinstance(message, str):
            self._refuse((*path, "message"), "message is not a text", "quote it", rule="type")
            return None
        jobs = rule.get("except", [])
        if not is_list_of_names(jobs):
            self._refuse((*path, "except"), "except takes names of jobs", "write except: [ping-bank]", rule="type")
            jobs = []
        if check is None or identity is None:
            return None
        excepted = {job: self._document.spot((*path, "except", at)) for at, job in enumerate(jobs)}
        spot = self._document.spot((*path, "id"))
        return PolicyRule(identity, check, spot, severity, message, excepted)

    def _id(self, rule: Mapping[str, Any], path: Path, seen: set[str]) -> str | None:
        identity = rule.get("id")
        if not isinstance(identity, str) or not is_name(identity):
            message = "a rule has an id" if identity is None else "an id is letters, digits and hyphens"
            self._refuse((*path, "id"), message, "write one like owner or min-interval")
            return None
        if identity in seen:
            self._refuse((*path, "id"), f'another rule of this file has the id "{identity}"', "choose another one")
        seen.add(identity)
        return identity

    def _severity(self, rule: Mapping[str, Any], path: Path) -> Severity:
        word = rule.get("severity", Severity.ERROR.value)
        if word not in _SEVERITIES:
            shown, hint = short(str(word)), f"one of {', '.join(_SEVERITIES)}"
            self._refuse((*path, "severity"), f'severity cannot be "{shown}"', hint, rule="enum")
            return Severity.ERROR
        return Severity(word)

    def _tags(self, value: Any, path: Path) -> RuleCheck | None:
        if not is_list_of_names(value) or not value or not all(value):
            self._refuse(path, "tags takes names of tags", "write tags: [owner, runbook]", rule="type")
            return None
        return RequiredTags(tuple(value))

    def _min_interval(self, value: Any, path: Path) -> RuleCheck | None:
        try:
            spacing = durations.parse(value) if isinstance(value, str) else timedelta(0)
        except durations.DurationError:
            spacing = timedelta(0)
        if not spacing:
            message = f'min_interval "{short(str(value))}" is not a duration above zero'
            self._refuse(path, message, "write it like 5m or 1h30m", rule="duration")
            return None
        return MinimumInterval(spacing)

    def _hosts(self, value: Any, path: Path) -> RuleCheck | None:
        if not is_list_of_names(value) or not value:
            self._refuse(path, "hosts takes a list of hosts", f"write {FORMS}", rule="type")
            return None
        rules = []
        for number, text in enumerate(value):
            try:
                rules.append(HostRule.parse(text))
            except ValueError:
                self._refuse((*path, number), f'"{short(text)}" is no host', f"write {FORMS}")
        return AllowedHosts(tuple(rules))

    def _match(self, value: Any, path: Path) -> RuleCheck | None:
        if not isinstance(value, dict) or not value:
            hint = 'write match: {webhook.method: "P*"}'
            self._refuse(path, "match takes fields and their globs", hint, rule="type")
            return None
        fields = []
        for field, wanted in value.items():
            listed = [wanted] if isinstance(wanted, str) else wanted
            if not is_list_of_names(listed) or not listed:
                hint = "write a text, or a list of them; * is any text"
                self._refuse((*path, field), f"{short(field)} takes a glob or a list of globs", hint, rule="type")
            elif any(len(glob) > globs.LONGEST for glob in listed):
                self._refuse((*path, field), f"a glob has at most {globs.LONGEST} characters", rule="range")
            else:
                fields.append((field, tuple(listed)))
        return FieldGlobs(tuple(fields))

    def _schema(self, value: Any, path: Path) -> RuleCheck | None:
        if schema_subset.size(value) > schema_subset.MOST_VALUES:
            message = f"a schema has at most {schema_subset.MOST_VALUES:,} values, counted with all that it contains"
            self._refuse(path, message, "split it into several rules", rule="range")
            return None
        before = len(self.problems)
        for fault in schema_subset.faults(value, path):
            self._refuse(fault.path, fault.message, fault.hint)
            if len(self.problems) > MAX_FINDINGS:
                break
        return SchemaRule(value) if len(self.problems) == before else None

    def _refuse_unknown(self, value: Mapping[str, Any], known: tuple[str, ...], path: Path) -> None:
        for key in value:
            if key not in known:
                hint = did_you_mean(key, known) or f"the fields here are {', '.join(known)}"
                spot = self._document.key_spot((*path, key))
                self.problems.append(spot.problem("unknown-field", f'unknown field "{short(key)}"', hint))

    def _refuse_value(self, path: Path, message: str, hint: str) -> None:
        self._refuse(path, message, hint, rule="type")

    def _refuse(self, path: Path, message: str, hint: str = "", *, rule: str = RULE) -> None:
        self.problems.append(self._document.spot(path).problem(rule, message, hint))
