"""The command: arguments in, diagnostics out; what a subcommand needs is imported when it runs."""

from sqla_leaklint.cli.main import main

__all__ = ["main"]
