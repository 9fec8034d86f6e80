"""``python -m chronos_gitops`` is the command line."""

import sys

from chronos_gitops.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
