"""The noun for a file's content, for messages about text that is no such content at all."""

from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FileNoun:
    """``needs`` is the hint for an empty file."""

    name: str
    needs: str = ""

    @property
    def one_each(self) -> str:
        return f"one file holds one {self.name}"


JOB: Final = FileNoun("job", "a job needs name, schedule and webhook.url")
CALENDAR: Final = FileNoun("calendar", "a calendar needs closed")
POLICY: Final = FileNoun("policy")
LAYER: Final = FileNoun("layer")
