"""The projects that a run has opened, and the one way from a file to its diagnostics that all hosts share."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from sqla_leaklint.config import ConfigError, Settings
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.evaluation import Evaluator
from sqla_leaklint.knowledge import Knowledge, KnowledgeError, default_knowledge
from sqla_leaklint.linter.check import Checked, check_source, unreadable
from sqla_leaklint.linter.discovery import SettingsFor, SourceFile, project_files
from sqla_leaklint.linter.prefilter import is_plainly_valid, may_matter
from sqla_leaklint.linter.roles import role_of
from sqla_leaklint.linter.selection import selection
from sqla_leaklint.rules.registry import all_rules
from sqla_leaklint.semantic.places import project_root
from sqla_leaklint.semantic.project import Project
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.source import Source, SourceError, decode_source


@dataclass(frozen=True, slots=True)
class Text:
    """What a file holds: its bytes, and the source that they were decoded to."""

    data: bytes
    source: Source

    def with_text(self, text: str) -> Text:
        """The same file with another text; the bytes stay those of the file."""
        return Text(self.data, replace(self.source, text=text))


class Workspace:
    """Opens each project once, and remembers what it has read; when files change, make a new one.

    `stdin` is what stands for a file on disk, `changed` the texts that fixes have made and that are not written yet.
    """

    def __init__(
        self,
        settings_for: SettingsFor,
        *,
        stdin: Mapping[Path, bytes] | None = None,
        changed: Mapping[Path, Text] | None = None,
        show: Callable[[str], str] | None = None,
        heeds_noqa: bool = True,
    ) -> None:
        self._settings_for = settings_for
        self._stdin = stdin or {}
        self._changed = changed or {}
        self._show = show or relative_to_working_directory
        self._projects: dict[Path | None, Project] = {}
        self._evaluators: dict[tuple[Project, str], tuple[Evaluator, dict[str, ModuleSummary]]] = {}
        self._heeds_noqa = heeds_noqa
        self._last: tuple[Path, bytes] | None = None
        self._roots: dict[tuple[Path, Path | None, bool], Path | None] = {}

    def check_file(self, file: SourceFile) -> Checked:
        """The diagnostics of a file; that it cannot be read is one itself."""
        try:
            if file.path not in self._changed and self._is_irrelevant(self._data(file), file):
                return Checked()
            text = self.text_of(file)
        except SourceError as error:
            return Checked(tuple(unreadable(error, file.shown, selection(file.settings, all_rules()))))
        return self.check(text, file)

    def check_text(self, text: Text, file: SourceFile) -> Checked:
        """The diagnostics of a text that a host holds, if it can have any."""
        return Checked() if self._is_irrelevant(text.data, file) else self.check(text, file)

    def check(self, text: Text, file: SourceFile) -> Checked:
        """The diagnostics of a text that stands for a file, whatever is on disk."""
        role = role_of(Path(os.path.realpath(file.path)), self._root_of(file), text.data)
        # What a parser can read may be nested more deeply than a thread's usual stack allows to walk.
        return call_with_deep_stack(
            lambda: check_source(
                text.source.text,
                file,
                role,
                lambda: self.domain(text, file),
                self._show,
                heeds_noqa=self._heeds_noqa,
            )
        )

    def domain(self, text: Text, file: SourceFile) -> Domain:
        """The analysed text, as rules see it; raises `SourceError` when it cannot be parsed."""
        project = self.project(self._root_of(file))
        module = project.module(text.source)
        return Domain(module, self._evaluator(project, module.summary, file.settings), file.settings)

    def _evaluator(self, project: Project, summary: ModuleSummary, settings: Settings) -> Evaluator:
        """The evaluator of a project, with the knowledge of those settings.

        A new one when the module is another than it has seen: what it remembers of other modules may rest on that.
        """
        key = (project, settings.knowledge)
        known = self._evaluators.get(key)
        if known is None or known[1].setdefault(summary.path, summary) is not summary:
            known = self._evaluators[key] = (Evaluator(project, knowledge_of(settings)), {summary.path: summary})
        return known[0]

    def text_of(self, file: SourceFile) -> Text:
        """What a file holds; raises `SourceError`."""
        if file.path in self._changed:
            return self._changed[file.path]
        data = self._data(file)
        return Text(data, decode_source(str(file.path), data))

    def project(self, root: Path | None) -> Project:
        """The project at a root; of None, one in which every module stands alone."""
        if root not in self._projects:
            project = self._projects[root] = Project(root, self._files(root))
            if root is not None:
                self._show_changed(project, root)
        return self._projects[root]

    def _root_of(self, file: SourceFile) -> Path | None:
        """The root of a file's project: the same for all files of a directory, unless one is a link."""
        if file.path.is_symlink():
            return root_of(file)
        key = (file.path.parent, file.top, file.is_alone)
        if key not in self._roots:
            self._roots[key] = root_of(file)
        return self._roots[key]

    def _data(self, file: SourceFile) -> bytes:
        if file.path in self._stdin:
            return self._stdin[file.path]
        if self._last is None or self._last[0] != file.path:
            # Kept for the moment: the bytes that were sifted are then decoded.
            self._last = (file.path, _read(file.path))
        return self._last[1]

    def _is_irrelevant(self, data: bytes, file: SourceFile) -> bool:
        words = words_of(file.settings)
        return not may_matter(data, words) and is_plainly_valid(data)

    def _files(self, root: Path | None) -> Iterator[Path]:
        if root is not None:
            yield from project_files(root, self._settings_for)

    def _show_changed(self, project: Project, root: Path) -> None:
        """Let a project know the texts that are not on disk yet, so that other modules are judged by them."""
        for path, text in self._changed.items():
            if root in Path(os.path.realpath(path)).parents:
                with suppress(SourceError):
                    project.module(text.source)


@lru_cache(maxsize=16)
def knowledge_of(settings: Settings) -> Knowledge:
    """What is known of libraries, with the rows of the settings; raises `ConfigError` when these mean nothing."""
    try:
        return (
            default_knowledge().with_rows(json.loads(settings.knowledge)) if settings.knowledge else default_knowledge()
        )
    except KnowledgeError as error:
        raise ConfigError(f"{settings.file or 'settings'}: {error}") from error


@lru_cache(maxsize=16)
def words_of(settings: Settings) -> frozenset[bytes]:
    """The words from which a diagnostic of the chosen rules can begin."""
    codes = [rule.code for rule in selection(settings, all_rules()).rules if rule.checks]
    return knowledge_of(settings).trigger_words(codes)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise SourceError(f"cannot read the file: {getattr(error, 'strerror', None) or error}") from error


def root_of(file: SourceFile) -> Path | None:
    """The root of the project that a file belongs to, resolved; None for a file that stands alone."""
    if file.is_alone:
        return None
    path = Path(os.path.realpath(file.path))
    marked = project_root(path.parent)
    if marked is not None:
        return marked
    working = Path(os.path.realpath(os.curdir))
    if working in path.parents and working not in _no_projects():
        return working
    return Path(os.path.realpath(file.top)) if file.top is not None else None


def relative_to_working_directory(path: str) -> str:
    """A path as the user would write it: relative when the file is below the working directory."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return path if relative.startswith(os.pardir) else relative


def _no_projects() -> frozenset[Path]:
    """Directories below which many unrelated things lie."""
    return frozenset(Path(os.path.realpath(path)) for path in (os.sep, os.path.expanduser("~"), tempfile.gettempdir()))
