"""Package metadata that depends on the place of publication: project URLs, and the links of the description.

``REPOSITORY_URL`` is the web address of the repository, such as https://github.com/OWNER/chronos-gitops. With it the
package has project URLs, and the relative links of README.md lead to the tag of this version. Without it the package
names no address, and relative links are reduced to their text, because an index has no files beside the description.
README.md itself keeps its relative links.
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>(?![a-z]+://|#)[^)\s]+)\)")


class PublishedAddresses(MetadataHookInterface):
    """Sets ``readme`` and ``urls``; a build from an sdist keeps those of the sdist."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = _repository(os.environ.get("REPOSITORY_URL", ""))
        if "readme" not in metadata:
            text = (Path(self.root) / "README.md").read_text("utf-8")
            described = description(text, repository, f"v{metadata['version']}")
            metadata["readme"] = {"content-type": "text/markdown", "text": described}
        metadata.setdefault("urls", project_urls(repository, f"v{metadata['version']}"))


def _repository(address: str) -> str:
    if address and urlsplit(address).scheme != "https":
        hint = "it has to be an address such as https://github.com/OWNER/chronos-gitops"
        raise ValueError(f'REPOSITORY_URL is "{address}"; {hint}')
    return address.rstrip("/")


def description(readme: str, repository: str, tag: str) -> str:
    """``blob`` and ``raw`` are paths of GitHub; GitLab redirects them to its own."""

    def absolute(link: re.Match[str]) -> str:
        if not repository:
            return "" if link["image"] else link["text"]
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}[{link['text']}]({repository}/{kind}/{tag}/{link['path']})"

    return _RELATIVE.sub(absolute, readme)


def project_urls(repository: str, tag: str) -> dict[str, str]:
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/{tag}/docs/README.md",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
