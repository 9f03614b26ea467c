"""`python -m attenuate.cli`: the command line."""

import sys

from attenuate.cli import main

if __name__ == "__main__":
    sys.exit(main())
