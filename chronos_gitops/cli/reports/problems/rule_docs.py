"""The rules as a page of Markdown, docs/reference/rules.md."""

import sys

from chronos_gitops.jobs.rule import Rule
from chronos_gitops.jobs.validation.rule_texts.registry import SECTIONS

_HEAD = """\
# Rules of validation

<!-- Written by `make docs`; a test fails when it is stale. -->

`chronos-gitops validate`, the runner, the API and a rollback judge job files by these rules and by no others. An
**error** keeps the file from running (a runner keeps the job's last good version); a **warning** counts as an error
under `--strict`; a **note** never fails anything. `chronos-gitops explain RULE` prints one section of this page.

A warning or a note that is meant to stay is ignored with a comment at the end of its line, or on a line of its own
above it. The reason is required:

```yaml
webhook:
  url: http://10.0.0.7/backup # chronos: ignore[private-host] the backup host has no public name
```

A job file is any `*.yaml` or `*.yml`, in lower case, at any depth below the jobs folder. Files and folders whose name
begins with a dot, names that begin with `#` and files in nested repositories are not read, and `.chronosignore` at the
top of the jobs folder excludes further files, in the syntax of gitignore(5). This holds alike for every command, for
both ways to follow a repository, and for versions.

`chronos-gitops validate --fix` fixes in the text what needs no decision: quotes around a cron expression and
other text that YAML takes for something else, a field whose name is misspelt, durations in words (`5 minutes`), numbers
where text must be.
"""


def page() -> str:
    rules = [rule for section in SECTIONS.values() for rule in section]
    rows = (f"| [{rule.name}](#{rule.name}) | {rule.severity} | {_cell(rule.summary)} |" for rule in rules)
    parts = [_HEAD, "\n".join(["| rule | severity | meaning |", "|---|---|---|", *rows]), ""]
    for title, section in SECTIONS.items():
        parts += [f"## {title}\n", *map(_section, section)]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    parts = [f"### {rule.name}\n", f"{rule.severity.capitalize()}: {rule.summary} {rule.explanation}\n"]
    if rule.bad:
        parts += [_example("Bad", rule.bad), _example("Good", rule.good)]
    return "\n".join(parts)


def _example(title: str, text: str) -> str:
    return f"{title}:\n\n```yaml\n{visible(text)}\n```\n"


def visible(example: str) -> str:
    """Tabs and line breaks as they are; other invisible characters as a mark."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in example)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
