"""The command: arguments in, diagnostics out; what a subcommand needs is imported when it runs."""

from __future__ import annotations

from sqla_leaklint.cli.main import entry_point, main

__all__ = ["entry_point", "main"]
