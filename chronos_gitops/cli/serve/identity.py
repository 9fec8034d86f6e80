"""``identity``: keys for identity tokens, and the documents by which receivers verify them."""

import json
import os
from pathlib import Path

import click

from chronos_gitops.config import load
from chronos_gitops.errors import UsageError


@click.group("identity", no_args_is_help=True)
def command() -> None:
    """Create keys for identity tokens, and write their public documents."""


@command.command("key")
@click.option("--out", "file", required=True, metavar="FILE", type=click.Path(path_type=Path), help="A new file.")
def key(file: Path) -> None:
    """Write a new private RSA key of 2048 bits to a file that only its owner can read.

    \b
    Examples:
      chronos-gitops identity key --out /run/secrets/identity-b.pem
    """
    from chronos_gitops.webhooks.identity.signing_keys import new_key

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        hint = "name another file: a key is never overwritten" if isinstance(error, FileExistsError) else ""
        raise UsageError(f"{file}: {error.strerror}", hint=hint) from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(new_key())
    click.echo(f"{file} written; name it in identity.key_files of every runner")


@command.command("documents")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="The runner's chronos.toml.")
@click.option(
    "--out", "folder", required=True, metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="A folder."
)
def documents(config: Path | None, folder: Path) -> None:
    """Write the documents with which targets verify identity tokens to DIR, to publish them on a web server.

    Use this if targets cannot reach the runner. Serve DIR/.well-known/openid-configuration and
    DIR/.well-known/jwks.json below the issuer's URL. Write and publish them again before a new key signs.

    \b
    Examples:
      chronos-gitops identity documents --config chronos.toml --out public
    """
    from chronos_gitops.webhooks.identity.documents import DISCOVERY_PATH, JWKS_PATH, discovery
    from chronos_gitops.webhooks.identity.signing_keys import SigningKeys

    settings = load.load({}, os.environ, config)
    issuer = settings.identity.issuer or settings.public_url
    if not settings.identity.key_files or not issuer:
        raise UsageError(
            "the settings have no key or no issuer for identity tokens",
            hint="set identity.key_files, and public_url or identity.issuer; name the file with --config FILE",
        )
    keys = SigningKeys(settings.identity.key_files)
    keys.check()
    for path, content in ((DISCOVERY_PATH, discovery(issuer)), (JWKS_PATH, keys.published())):
        file = folder / path.removeprefix("/")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from error
        click.echo(f"{file} written; serve it as {issuer}{path}")
