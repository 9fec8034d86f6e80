"""``token``: tokens for the API; made here, shown once, known to the runner by their digest only."""

import re
from datetime import UTC, datetime, timedelta

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.config.callers import tokens
from chronos_gitops.config.model import NARROW_ROLES, ROLES
from chronos_gitops.errors import UsageError
from chronos_gitops.schedule.timestamps import rfc3339

_DAYS = re.compile(r"([1-9][0-9]{0,3})d\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z", re.ASCII)
_TAG = re.compile(r"([^\s=\"\\]{1,100})=([^\x00-\x1f\"\\]{1,200})\Z")


@click.group("token", no_args_is_help=True)
def command() -> None:
    """Create tokens for the API and the page."""


@command.command("create")
@click.option("--name", required=True, help="Name of the caller; the author of its rollback commits.")
@click.option(
    "--role",
    "roles",
    type=click.Choice([*ROLES, *NARROW_ROLES]),
    multiple=True,
    required=True,
    help="Role of the token; repeat it for several.",
)
@click.option(
    "--folder",
    "folders",
    metavar="FOLDER",
    multiple=True,
    help="Only jobs whose file is in this folder, from the repository root; repeat it for several.",
)
@click.option(
    "--tag",
    "tags",
    metavar="KEY=VALUE",
    multiple=True,
    help="Of these folders only jobs with this tag; repeat it to require several tags.",
)
@click.option("--expires", metavar="90d", help="Lifetime in days, or the last day: 2027-02-23.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def create(
    name: str,
    roles: tuple[str, ...],
    folders: tuple[str, ...],
    tags: tuple[str, ...],
    expires: str | None,
    style: Format,
) -> None:
    """Print a new token, once, and a table for chronos.toml that has the SHA-256 of the token, not the token.

    \b
    Examples:
      chronos-gitops token create --name ci --role read
      chronos-gitops token create --name backend --role read --role operate --folder jobs/backend --expires 90d
    """
    if not _NAME.match(name):
        raise UsageError(f'"{name}" is no name for a token', hint="letters, digits and . _ @ -, at most 64")
    held = [role for role in (*ROLES, *NARROW_ROLES) if role in roles]
    scope = dict(_tag(text) for text in tags)
    if tags and not folders:
        raise UsageError(
            "--tag needs --folder", hint="every author of a file writes its tags; folders are protected by review"
        )
    end = None if expires is None else _end(expires, datetime.now(UTC))
    token = tokens.mint(held)
    table = _table(name, token, held, folders, scope, end)
    document = {
        "name": name,
        "token": token,
        "sha256": tokens.digest(token),
        "roles": held,
        "folders": list(folders),
        "tags": scope,
        "expires": None if end is None else rfc3339(end),
        "toml": table,
    }
    tell(style, document, lambda: f"{token}\n\n# Keep it now, it is not shown again. Into chronos.toml:\n{table}")


def _tag(text: str) -> tuple[str, str]:
    match = _TAG.match(text)
    if match is None:
        raise UsageError(f'--tag: "{text}" is no tag', hint="write one like --tag team=backend")
    return match[1], match[2]


def _end(text: str, now: datetime) -> datetime:
    match = _DAYS.match(text)
    try:
        end = now.replace(microsecond=0) + timedelta(days=int(match[1])) if match else _day(text)
    except ValueError:
        raise UsageError(f'--expires: "{text}" is no length of days and no day', hint="90d, or 2027-02-23") from None
    if end <= now:
        raise UsageError(f"--expires: {text} is over already")
    return end


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


def _table(
    name: str, token: str, roles: list[str], folders: tuple[str, ...], tags: dict[str, str], end: datetime | None
) -> str:
    quoted = ", ".join(f'"{role}"' for role in roles)
    lines = ["[[tokens]]", f'name = "{name}"', f'sha256 = "{tokens.digest(token)}" # {tokens.handle(token)}']
    lines.append(f"roles = [{quoted}]")
    if folders:
        lines.append("folders = [" + ", ".join(f'"{folder}"' for folder in folders) + "]")
    if tags:
        lines.append("tags = { " + ", ".join(f'"{key}" = "{value}"' for key, value in tags.items()) + " }")
    if end is not None:
        lines.append(f"expires = {rfc3339(end)}")
    return "\n".join(lines)
