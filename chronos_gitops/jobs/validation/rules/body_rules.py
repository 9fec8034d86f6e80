"""``webhook.success``: rules on the body of an answer that can hold (PROMISES section 1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.promises.success import COMPARISONS, TEXT_RULES
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.yaml.positions import Path

_PATH: Path = ("webhook", "success", "body")
_WRONG_TILDE = re.compile(r"~(?![01])")
_WORDS = f"json takes one of {', '.join(COMPARISONS)}"


def check(source: Document) -> Iterator[Problem]:
    rules = source.get(*_PATH)
    if not isinstance(rules, list):
        return
    if source.text("webhook", "method") == "HEAD":
        message = "the response to a HEAD request has no body"
        yield source.key_spot(_PATH).problem("success-head", message, "use GET, or remove success.body")
    for index, rule in enumerate(rules):
        if isinstance(rule, dict):
            yield from _shape(source, (*_PATH, index), rule)
            yield from _pointer(source, (*_PATH, index, "json"), rule.get("json"))
            yield from _literals(source, (*_PATH, index), rule)


def _shape(source: Document, path: Path, rule: Mapping[str, Any]) -> Iterator[Problem]:
    subjects = [name for name in ("json", *TEXT_RULES) if name in rule]
    comparisons = [name for name in COMPARISONS if name in rule]
    if len(subjects) != 1:
        message, hint = "a body rule has one of json, contains, lacks", f"write one rule for each; {_WORDS}"
    elif subjects == ["json"] and len(comparisons) != 1:
        message, hint = "json has one comparison", _WORDS
    elif subjects != ["json"] and comparisons:
        message, hint = f"{subjects[0]} takes no {comparisons[0]}", f"write one rule for each; {_WORDS}"
    else:
        return
    yield source.spot(path).problem("success-rule", message, hint)


def _pointer(source: Document, path: Path, pointer: Any) -> Iterator[Problem]:
    if not isinstance(pointer, str) or pointer == "" or (pointer[0] == "/" and not _WRONG_TILDE.search(pointer)):
        return
    if pointer.startswith("$."):  # JSONPath
        pointer_meant = pointer[1:].replace(".", "/")
    else:
        pointer_meant = pointer if pointer[0] == "/" else f"/{pointer}"
    meant = _WRONG_TILDE.sub("~0", pointer_meant)
    message, spot = f'"{short(pointer)}" is not a JSON Pointer', source.spot(path)
    fix = f'"{meant}"' if re.fullmatch(r"[\w/~-]+", meant) else ""
    yield spot.problem("json-pointer", message, f'did you mean "{short(meant)}"?', fix=fix)


def _literals(source: Document, path: Path, rule: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("json", "equals", "not", *TEXT_RULES):
        values = rule.get(name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str) and "${" in value:
                found = value[value.index("${") :].partition("}")
                message = f'body rules compare with what the file says; "{short(found[0] + found[1])}" is not replaced'
                spot = source.spot((*path, name))
                yield spot.problem("success-literal", message, "compare a part that is not secret")
                break
