"""The rules as a page of Markdown, docs/reference/rules.md."""

import sys

from chronos_gitops.jobs.rule import Rule
from chronos_gitops.jobs.validation.rule_texts.registry import SECTIONS

_HEAD = """\
# Rules of validation

<!-- Written by `make docs`; a test fails when it is stale. -->

`chronos-gitops validate`, the runner, the API and a rollback check job files by these rules. With an **error** the
file does not run (a runner keeps the job's last good version); a **warning** counts as an error with `--strict`; a
**note** fails nothing. `chronos-gitops explain RULE` prints one section of this page.

To suppress a warning or a note, add a comment at the end of its line, or on a line of its own above it. The reason is
required:

```yaml
webhook:
  url: http://10.0.0.7/backup # chronos: ignore[private-host] the backup host has no public name
```

Every `*.yaml` or `*.yml` file (in lower case) at any depth below the jobs folder is a job file. Files and folders
whose name begins with a dot or `#` and files in nested repositories are not read. `.chronosignore` at the top of the
jobs folder excludes further files, with the syntax of gitignore(5). The same applies to every command, to both ways
of following a repository, and to versions.

`chronos-gitops validate --fix` makes fixes that need no decision: missing quotes around a cron expression and other
text that YAML reads as another type, misspelt field names, durations in words (`5 minutes`), and numbers in place of
text.
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
