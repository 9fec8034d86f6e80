"""``schema``: the JSON schemas of job files and layers, for editors and other tools."""

import click

KINDS = ("job", "defaults", "environment", "policy", "calendar", "effective")


@click.command("schema")
@click.argument("kind", type=click.Choice(KINDS), default="job")
def command(kind: str) -> None:
    """Print the JSON schema (draft-07) of a job file, or of another KIND of file.

    A job file requires only its name, and in job files and layers fields that can be inherited take null. effective
    describes a job as its files make it.

    \b
    Editors read it from a first line like this one:
      # yaml-language-server: $schema=../schemas/job.schema.json
    """
    from chronos_gitops.jobs.schemas import schemas

    click.echo(schemas.text(kind), nl=False)
