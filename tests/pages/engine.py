"""The linter as the page runner sees it: one project on disk, its diagnostics, and the domain of its modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol

from sqla_leaklint.config import Settings, parse_toml, settings_from_table
from sqla_leaklint.diagnostics import Diagnostic
from sqla_leaklint.domain import Domain
from sqla_leaklint.linter.check import Failure
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.workspace import Workspace
from sqla_leaklint.output import full
from sqla_leaklint.rules.registry import all_rules


class Project(Protocol):
    """A project whose files are on disk; paths are relative to its root and written with `/`."""

    def lint(self, path: str) -> Sequence[Diagnostic]: ...

    def render_full(self, diagnostics: Sequence[Diagnostic]) -> str: ...

    def domain(self, path: str) -> Domain: ...


class Engine(Protocol):
    """Opens the project below `root` with settings (the text of `[tool.leaklint]`) and the only rules to run."""

    def __call__(self, root: Path, settings: str, select: tuple[str, ...]) -> Project: ...


class LinterBrokeError(Exception):
    """A rule, or what it rests on, raised."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("\n".join(f"{one.path}: {one.rule or 'the linter'}: {one.error}" for one in failures))


class OpenProject:
    """A project as the command sees it; what it has read it remembers."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.workspace = Workspace(lambda _: settings, show=self._shown)

    def lint(self, path: str) -> Sequence[Diagnostic]:
        checked = self.workspace.check_file(self._file(path))
        if checked.failures:
            raise LinterBrokeError(checked.failures)
        return checked.diagnostics

    def render_full(self, diagnostics: Sequence[Diagnostic]) -> str:
        lines = list(full.render(diagnostics, self._lines))
        return "".join(f"{line}\n" for line in lines[: -1 if lines and not lines[-1] else None])

    def domain(self, path: str) -> Domain:
        file = self._file(path)
        return self.workspace.domain(self.workspace.text_of(file), file)

    def _file(self, path: str) -> SourceFile:
        return SourceFile(self.root / path, path, self.settings, self.root)

    def _shown(self, path: str) -> str:
        return Path(path).relative_to(self.root.resolve()).as_posix()

    def _lines(self, path: str) -> Sequence[str]:
        return (self.root / path).read_text(encoding="utf-8").split("\n")


def open_project(root: Path, settings: str, select: tuple[str, ...]) -> OpenProject:
    """Open the project below `root`; without a selection every rule runs, strict ones too.

    Settings that select rules themselves are left to it.
    """
    marker = root / "leaklint.toml"  # makes the folder a project's root
    marker.write_text(settings, encoding="utf-8")
    chosen = replace(settings_from_table(parse_toml(settings, "settings"), where="settings"), directory=root)
    if chosen.select is None:
        chosen = replace(chosen, select=select or ("LKS",))
    return OpenProject(root, chosen)


@cache
def rule_names() -> frozenset[str]:
    return frozenset(rule.name for rule in all_rules())
