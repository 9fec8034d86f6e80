"""The reason why due executions are not claimed, logged when it begins and when it ends."""

import logging

log = logging.getLogger(__name__)


class ClaimStatus:
    """``trouble`` is a sentence, empty while executions are claimed; it may be read from any thread."""

    def __init__(self) -> None:
        self.trouble = ""

    def report(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("claiming is suspended: %s", trouble)
        elif self.trouble and not trouble:
            log.info("claiming due executions again")
        self.trouble = trouble
