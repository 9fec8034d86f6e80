"""Places where a runner can be made to die or fail, to prove that it may; off unless the operator arms them.

The one state of a module in this house: a fault strikes a process, wherever in it the thread happens to be.
"""

import signal
import threading
from typing import Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.lazy_dataclass import dataclass

POINTS: Final = {
    "before-claim-commit": "a tick is written, its transaction is not committed",
    "after-claim": "a tick is on disk, nothing was sent",
    "before-send": "the connection to the receiver is open, nothing was written to it",
    "after-send": "the receiver has the request, its answer was not looked at",
    "before-record": "the answer is known, the ledger is not told",
    "before-swap": "the files of a new revision are judged, the old ones still run",
    "before-push": "the commit of a rollback exists and is not recorded",
    "after-push": "the commit of a rollback is pushed, nothing else happened",
    "after-swap-ref": "the branch of a checkout has the commit of a rollback, its files are as before",
    "after-files": "the files of a checkout follow the commit of a rollback, its index does not",
    "before-notice": "an incident is news, nothing of it is on disk",
    "after-notice": "a notification was accepted, which is not recorded",
    "after-guard-decision": "a version is judged to be stopped, its pause is not made",
    "after-guard-pause": "the guard's pause is made, which is not recorded",
    "in-drain": "the runner was asked to end and lets requests end",
}
ACTIONS: Final = ("kill", "stop", "hang", "fail")


class Failed(ChronosError):
    """The error that the action ``fail`` raises."""

    kind = "failpoint"


@dataclass(slots=True)
class _Armed:
    action: str
    left: int


_armed: dict[str, _Armed] = {}
_lock = threading.Lock()


def parse(text: str) -> dict[str, tuple[str, int]]:
    """``"after-claim:kill"``, ``"after-send:stop@3,in-drain:fail"``: point to (action, at which pass from 1 on);
    ValueError."""
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        point, _, rest = entry.partition(":")
        action, _, count = rest.partition("@")
        if point not in POINTS or action not in ACTIONS or not (count or "1").isdecimal() or int(count or "1") < 1:
            raise ValueError(f'"{entry}" is no failpoint; points: {", ".join(POINTS)}; actions: {", ".join(ACTIONS)}')
        found[point] = (action, int(count or "1"))
    return found


def arm(text: str) -> None:
    """From here on these points act, each at its pass and never again; "" disarms all."""
    armed = {point: _Armed(action, count) for point, (action, count) in parse(text).items()}
    with _lock:
        _armed.clear()
        _armed.update(armed)


def reach(point: str) -> None:
    """Called where the point is; costs one look into an empty dictionary when nothing is armed."""
    if point in _armed:
        _strike(point)


def _strike(point: str) -> None:
    with _lock:
        armed = _armed.get(point)
        if armed is None:
            return
        armed.left -= 1
        if armed.left:
            return
        del _armed[point]
    if armed.action == "fail":
        raise Failed(f"the failpoint {point} was armed")
    if armed.action == "hang":
        threading.Event().wait()
    # To this thread: a signal to the process is taken by any, and this one would run on until that has its turn.
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if armed.action == "kill" else signal.SIGSTOP)
