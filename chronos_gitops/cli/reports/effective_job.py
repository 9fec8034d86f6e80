"""The effective job as one file, each value with the place where it is written."""

from datetime import datetime
from typing import Any, Final

from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.complete import complete_document
from chronos_gitops.jobs.layers.effective import EffectiveDocument, EffectiveJob
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning.plan import next_texts
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.jobs.yaml_writer import yaml_of

BUILT_IN: Final = "built in"


def effective_file(effective: EffectiveJob, job: Job, *, at: datetime) -> str:
    """Read without layers it is the same job. Beside each time stands its text in the first run after ``at``."""
    document = complete_document(effective, job.document())
    upcoming = job.timing.next_after(at)
    texts = {} if upcoming is None else dict(next_texts(job, upcoming))

    def comment(path: tuple[str, ...]) -> str:
        place = _place(effective.document, path)
        is_time = len(path) == 2 and path[0] == variables.VARIABLES and path[1] in texts
        return f"{place}, {printable(texts[path[1]])} in the next run" if is_time else place

    return yaml_of(document, comment)


def _place(document: EffectiveDocument, path: tuple[str, ...]) -> str:
    """Of a map the key in the nearest file that has it."""
    source = document.source(path)
    if source is None:
        return BUILT_IN
    value: Any = document.get(*path)
    spot = document.key_spot(path) if isinstance(value, dict) else source
    return f"{printable(spot.file)}:{spot.line}"
