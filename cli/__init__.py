"""The command line: `main` is `footnote`."""

from cli.commands import main

__all__ = ["main"]
