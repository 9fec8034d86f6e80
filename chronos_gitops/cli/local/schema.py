"""``schema``: the JSON schemas of job files and layers, for editors and other tools."""

import click

KINDS = ("job", "defaults", "environment", "policy", "calendar", "effective")


@click.command("schema")
@click.argument("kind", type=click.Choice(KINDS), default="job")
def command(kind: str) -> None:
    """Print the JSON schema (draft-07) of a job file, or of another kind of file.

    A job file requires only its name. In job files and layers, fields that can be inherited accept null. "effective"
    is the schema of a job with inherited values and defaults filled in.

    \b
    Editors find the schema by a first line such as this one:
      # yaml-language-server: $schema=../schemas/job.schema.json
    """
    from chronos_gitops.jobs.schemas import schemas

    click.echo(schemas.text(kind), nl=False)
