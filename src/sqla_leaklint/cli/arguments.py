"""What the user asked `leaklint check` for."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the user asked for."""

    paths: tuple[str, ...]
    fix: bool
    unsafe_fixes: bool
    diff: bool
    select: tuple[str, ...]
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    output_format: str
    stdin_filename: str | None
    all_files: bool
    isolated: bool
    config: str | None
    exit_zero: bool

    @property
    def reads_stdin(self) -> bool:
        return self.paths == ("-",)

    @property
    def stdin_shown(self) -> str:
        """How the file that standard input stands for is called in diagnostics."""
        return os.path.normpath(self.stdin_filename) if self.stdin_filename else "-"
