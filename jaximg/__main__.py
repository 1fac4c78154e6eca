"""`python -m jaximg` is `jaximg`."""

import sys

from jaximg.cli import main

if __name__ == "__main__":
    sys.exit(main())
