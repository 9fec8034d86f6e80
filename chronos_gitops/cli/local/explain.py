"""``explain``: a rule in words, with a bad and a good example."""

import textwrap

import click

from chronos_gitops.cli.reports.problems.rule_docs import visible
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.rule import Rule
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.suggestions import did_you_mean

_WIDTH = 88


@click.command("explain")
@click.argument("rule", required=False)
def command(rule: str | None) -> None:
    """Explain RULE, the word in brackets in a finding; without RULE, list all rules.

    \b
    Examples:
      chronos-gitops explain literal-credential
      chronos-gitops explain
    """
    if rule is None:
        click.echo(table(("rule", "severity", "meaning"), ((r.name, r.severity, r.summary) for r in RULES.values())))
    elif rule in RULES:
        click.echo(_explained(RULES[rule]))
    else:
        hint = did_you_mean(rule, RULES) or "chronos-gitops explain lists them"
        raise UsageError(f'there is no rule "{rule}"', hint=hint)


def _explained(rule: Rule) -> str:
    parts = [f"{rule.name} ({rule.severity})", textwrap.fill(f"{rule.summary} {rule.explanation}", _WIDTH)]
    if rule.bad:
        parts += [
            f"Bad:\n\n{textwrap.indent(visible(rule.bad), '    ')}",
            f"Good:\n\n{textwrap.indent(rule.good, '    ')}",
        ]
    return "\n\n".join(parts)
