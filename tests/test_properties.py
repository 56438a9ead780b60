"""What holds for every program, however damaged."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqla_leaklint.config import Settings
from sqla_leaklint.linter.discovery import SourceFile, discover
from sqla_leaklint.linter.run import SAFE_AND_UNSAFE, Report, run, write_changes
from sqla_leaklint.syntax.parse import parse_source
from sqla_leaklint.syntax.source import Source, SourceError
from tests.house import ROOT
from tests.mutations import Files, damaged_projects, projects

EVERY_RULE = Settings(select=("LKS",), all_files=True)


@contextmanager
def on_disk(files: Files) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        write(files, root)
        yield root


def write(files: Files, root: Path) -> None:
    for path, text in {"leaklint.toml": "", **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogatepass"))


def discovered(root: Path) -> list[SourceFile]:
    return list(discover([str(root)], lambda _: EVERY_RULE))


def lint(files: Sequence[SourceFile], **keywords: object) -> Report:
    return run(files, lambda _: EVERY_RULE, **keywords)  # type: ignore[arg-type]


def parses(path: Path) -> bool:
    try:
        parse_source(Source(str(path), path.read_text(encoding="utf-8")))
    except (SourceError, UnicodeDecodeError):
        return False
    return True


def test_there_are_programs() -> None:
    assert len(projects()) > 10


@given(damaged_projects())
def test_nothing_raises_and_every_place_exists(files: Files) -> None:
    with on_disk(files) as root:
        report = lint(discovered(root))
        assert report.failures == []
        for one in report.diagnostics:
            places = [one.location, *(note.location for note in one.notes)]
            for place in places:
                lines = Path(place.path).read_bytes().count(b"\n") + Path(place.path).read_bytes().count(b"\r") + 1
                assert 1 <= place.span.line <= place.span.end_line <= lines
                assert place.span.column >= 1
                assert place.span[:2] <= place.span[2:]


@given(damaged_projects())
def test_fixes_parse_and_fixing_twice_is_fixing_once(files: Files) -> None:
    with on_disk(files) as root:
        report = lint(discovered(root), allowed=SAFE_AND_UNSAFE)
        assert report.failures == []
        assert write_changes(report.changes) == []
        for change in report.changes:
            assert parses(change.file.path), change.new.source.text
        again = lint(discovered(root), allowed=SAFE_AND_UNSAFE)
        assert again.changes == []
        assert again.diagnostics == report.diagnostics


@given(damaged_projects(least_files=2), st.randoms(use_true_random=False))
def test_the_order_of_files_changes_nothing(files: Files, random: Random) -> None:
    with on_disk(files) as root:
        ordered = discovered(root)
        shuffled = list(ordered)
        random.shuffle(shuffled)
        report = lint(ordered)
        assert lint(shuffled).diagnostics == report.diagnostics
        alone = [one for file in ordered for one in lint([file]).diagnostics]
        assert sorted(alone, key=lambda one: one.sort_key) == report.diagnostics


def test_a_fix_is_found_by_these_tests() -> None:
    """The properties of fixes say something: there are programs among these that have some."""
    assert len(list(islice(filter(_is_changed, projects()), 4))) == 4


def _is_changed(files: Files) -> bool:
    with on_disk(files) as root:
        return bool(lint(discovered(root), allowed=SAFE_AND_UNSAFE).changes)


@pytest.fixture(scope="module")
def every_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the projects of pages and fixtures side by side, each with settings of its own."""
    top = tmp_path_factory.mktemp("projects")
    for number, files in enumerate(projects()[::3]):
        write({"leaklint.toml": 'select = ["LKS"]\n', **files}, top / f"project{number}")
    return top


def is_read_by_flake8(path: Path) -> bool:
    """Whether the running Python parses the file: of others flake8 only says that it cannot (E999)."""
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    return True


def test_the_command_and_the_plugin_say_the_same(every_project: Path) -> None:
    command = _run(["-m", "sqla_leaklint", "check", "--output-format", "json", "."], every_project)
    ours = sorted(
        f"{one['path']}:{one['line']}:{one['column']}: {one['code']} {one['message']}"
        for one in json.loads(command)
        if is_read_by_flake8(every_project / one["path"])
    )
    installed = any(point.name == "LKS" for point in entry_points(group="flake8.extension"))
    config = every_project / "flake8.ini"
    local = "" if installed else "[flake8:local-plugins]\nextension = LKS = sqla_leaklint.flake8_plugin:Plugin\n"
    config.write_text(f"[flake8]\nselect = LKS\nextend-select = LKS\n{local}", encoding="utf-8")
    plugin = _run(["-m", "flake8", "--config", str(config), "-j1", "."], every_project)
    theirs = sorted(line.removeprefix("./") for line in plugin.splitlines())
    assert len(ours) > 10
    assert theirs == ours


def _run(arguments: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr, done.stderr
    return done.stdout
