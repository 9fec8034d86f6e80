"""``schema``: the JSON schema of a job file, for editors and other tools."""

import click

from chronos_gitops.jobs.resources import shipped


@click.command("schema")
def command() -> None:
    """Print the JSON schema (draft-07) of a job file.

    \b
    Editors read it from a first line like this one:
      # yaml-language-server: $schema=../schemas/job.schema.json
    """
    click.echo(shipped("job.schema.json").read_text("utf-8"), nl=False)
