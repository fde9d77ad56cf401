"""`python -m motools` is the `motools` command."""

from __future__ import annotations

from motools.cli import main

if __name__ == "__main__":
    main()
