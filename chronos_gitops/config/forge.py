"""Settings of the forge: where commit statuses go, and where a rollback of a protected branch opens its request."""

import re
from pathlib import Path
from typing import Any, Final, Literal

from chronos_gitops.config import parsers
from chronos_gitops.config.model import SettingsError
from chronos_gitops.config.setting import setting
from chronos_gitops.process.lazy_dataclass import dataclass

ForgeType = Literal["github", "gitlab", "gitea"]
_HOSTED: Final = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}(/[A-Za-z0-9_.-]{1,100}){1,20}\Z", re.ASCII)
_CONTEXT: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,98}[\x21-\x7e])?\Z", re.ASCII)


def repository(value: Any, _base: Path) -> str:
    """``owner/name``; of GitLab with all its groups."""
    given = parsers.text(value).strip()
    if not _REPOSITORY.match(given) or any(part in (".", "..") for part in given.split("/")):
        raise ValueError(f'"{given}" is no repository of a forge; write one like acme/jobs')
    return given


def context(value: Any, _base: Path) -> str:
    given = parsers.text(value).strip()
    if not _CONTEXT.match(given):
        raise ValueError("it is not a text of at most 100 ASCII characters; write one like chronos-gitops/production")
    return given


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """Without a ``type`` no forge is called; ``refuse_half`` makes sure that the rest is there with it."""

    type: ForgeType | None = setting(
        "forge.type",
        parsers.choice("github", "gitlab", "gitea"),
        "Forge that receives commit statuses and pull requests: github, gitlab or gitea (also Forgejo).",
        default=None,
        variable="CHRONOS_FORGE_TYPE",
    )
    url: str = setting(
        "forge.url",
        parsers.public_url,
        "Address of the forge; for GitHub Enterprise Server, of its API, such as https://ghe.example.com/api/v3.",
        default="",
        variable="CHRONOS_FORGE_URL",
        words="https://api.github.com or https://gitlab.com",
    )
    repository: str = setting(
        "forge.repository",
        repository,
        "Repository on the forge: `owner/name`, for GitLab with all groups.",
        default="",
        variable="CHRONOS_FORGE_REPOSITORY",
    )
    token_file: Path | None = setting(
        "forge.token_file",
        parsers.path,
        "File with the forge's token, read at each call. The token needs the right to write commit statuses and "
        "pull requests.",
        default=None,
        variable="CHRONOS_FORGE_TOKEN_FILE",
    )
    context: str = setting(
        "forge.context",
        context,
        "Context (name) of the commit status.",
        default="",
        variable="CHRONOS_FORGE_CONTEXT",
        words="`chronos-gitops`, or `chronos-gitops/ENVIRONMENT`",
    )

    @property
    def address(self) -> str:
        """Without a final ``/``."""
        return self.url or _HOSTED.get(self.type or "", "")

    def status_name(self, environment: str | None) -> str:
        return self.context or (f"chronos-gitops/{environment}" if environment else "chronos-gitops")


def refuse_half(given: ForgeSettings) -> None:
    """SettingsError for a forge that could not be called."""
    needed = {
        "forge.repository": given.repository,
        "forge.token_file": given.token_file,
        "forge.url": given.address or given.type is None,
    }
    if given.type is None:
        if any((given.url, given.repository, given.token_file, given.context)):
            raise SettingsError("[forge] has no type", hint='write type = "github", "gitlab" or "gitea"')
        return
    missing = next((key for key, value in needed.items() if not value), None)
    if missing is not None:
        raise SettingsError(
            f'forge.type = "{given.type}" needs {missing}', hint="see docs/how-to/report-to-the-forge.md"
        )
    if given.type != "gitlab" and given.repository.count("/") != 1:
        raise SettingsError(
            f'forge.repository: "{given.repository}" is not owner/name', hint="write one like acme/jobs"
        )
