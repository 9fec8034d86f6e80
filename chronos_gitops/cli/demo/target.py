"""The receiver of the demo as a program, for the compose file that tries a runner: ``python -m ... PORT``."""

import signal
import sys

from chronos_gitops.cli.demo.receiver import Receiver

_MOST_KEPT = 1_000


def main(port: int) -> None:
    """Answer on 127.0.0.1 until SIGTERM or SIGINT, and print each request."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    told = 0
    with Receiver(port=port) as receiver:
        while signal.sigtimedwait(signals, 0.2) is None:
            requests = receiver.requests
            for request in requests[told:]:
                print(f"{request.method} {request.path}", flush=True)
            told = len(requests)
            if told > _MOST_KEPT:
                receiver.clear()
                told = 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
