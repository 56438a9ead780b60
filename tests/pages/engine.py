"""The linter as the page runner sees it: one project on disk, its diagnostics, and the domain of its modules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from sqla_leaklint.diagnostics import Diagnostic
from sqla_leaklint.domain import Domain
from sqla_leaklint.rules.registry import all_rules


class Project(Protocol):
    """A project whose files are on disk; paths are relative to its root and written with `/`."""

    def lint(self, path: str) -> Sequence[Diagnostic]: ...

    def render_full(self, diagnostics: Sequence[Diagnostic]) -> str: ...

    def domain(self, path: str) -> Domain: ...


class Engine(Protocol):
    """Opens the project below `root` with settings (the text of `[tool.leaklint]`) and the only rules to run."""

    def __call__(self, root: Path, settings: str, select: tuple[str, ...]) -> Project: ...


@cache
def rule_names() -> frozenset[str]:
    return frozenset(rule.name for rule in all_rules())
