"""A rule's claim as an experiment: a leaking program, what its fix makes of it, and the numbers of both.

A program is the text of a module `program` beside `database`, `async_database` and `models` of `project`.  It is fixed
with the linter and run, before and after, in interpreters of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover
from tests.proofs.databases import PROJECT, ROWS, SECONDS, SECONDS_AT_SCALE, Database

INSTRUMENTS = Path(__file__).resolve().parents[2] / "fixtures"
ALL_FIXES = frozenset(Applicability)
"""Fixes that are only displayed as well: what a rule shows has to hold, too."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is claimed of a rule's fix, and the program that shows it.

    `call` is an expression that is evaluated in the program and gives plain data; a coroutine is awaited.  `remedy` is
    the program done right, for rules that have no fix to apply; without it the linter makes it.  `repeats` is the
    number of calls, at least two, against a pool of five connections.  What a proof `at_scale` claims is measured with
    100,000 rows as well, and drawn.
    """

    rule: str
    claim: str
    program: str
    call: str
    repeats: int = 7
    remedy: str | None = None
    at_scale: bool = False


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one run of a program came to.

    `result` (JSON), `statements` and `rows` are those of the first call; `peak` is the memory of the second, in KiB
    above its start; `failures` and `errors` are those of the later ones; `held` are the connections not given back
    after all calls, `idle` the server processes left inside of a transaction (None without a server); `noted` are the
    figures that the program has put down in `served.noted`.
    """

    result: str
    statements: int
    rows: int
    failures: int
    errors: tuple[str, ...]
    held: int
    idle: int | None
    peak: int
    noted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A proof that was run: `remedy` is the text that the fixes made."""

    proof: Proof
    database: str
    versions: dict[str, str]
    remedy: str
    leaking: Metrics
    fixed: Metrics
    rows: int


class ProofError(Exception):
    """A program did not run, or the linter found nothing to fix in it."""


def compare(proof: Proof, database: Database, rows: int = ROWS) -> Comparison:
    """Run a proof on a database of so many rows; raises `ProofError` where there is nothing to compare."""
    remedy = dedent(proof.remedy) if proof.remedy is not None else fixed_text(proof)
    leaking, versions = run(dedent(proof.program), proof, database, rows)
    fixed, _ = run(remedy, proof, database, rows)
    return Comparison(proof, database.name, versions, remedy, leaking, fixed, rows)


def fixed_text(proof: Proof) -> str:
    """The program after all fixes of the proof's rule."""
    settings = Settings(select=(proof.rule,))
    with tempfile.TemporaryDirectory(prefix="leaklint-proof-") as directory:
        program = _laid_out(Path(directory), dedent(proof.program)) / "program.py"
        files = list(discover([str(program)], lambda _: settings))
        report = linter.run(files, lambda _: settings, allowed=ALL_FIXES)
    wrong = [f"{one.rule}: {one.error}" for one in report.failures]
    wrong += [f"taken back: {one.reason}" for one in report.taken_back]
    if wrong:
        raise ProofError("\n".join(wrong))
    if not report.changes:
        found = [f"{one.location.span.line}: {one.code} {one.message}" for one in report.diagnostics]
        raise ProofError(f"nothing was fixed; reported: {found or 'nothing'}")
    (change,) = report.changes
    return change.new.source.text


def reported(text: str, proof: Proof) -> list[str]:
    """What the proof's rule says of a program text."""
    settings = Settings(select=(proof.rule,))
    with tempfile.TemporaryDirectory(prefix="leaklint-proof-") as directory:
        program = _laid_out(Path(directory), text) / "program.py"
        files = list(discover([str(program)], lambda _: settings))
        report = linter.run(files, lambda _: settings)
    return [one.message for one in report.diagnostics]


def run(text: str, proof: Proof, database: Database, rows: int = ROWS) -> tuple[Metrics, dict[str, str]]:
    """The metrics of a program text, run in an interpreter of its own, and the versions that it ran on."""
    with tempfile.TemporaryDirectory(prefix="leaklint-proof-") as directory:
        project = _laid_out(Path(directory), text)
        report = _child(project, proof, database, rows)
    versions = report.pop("versions")
    return Metrics(**report | {"errors": tuple(report["errors"])}), versions


def _laid_out(directory: Path, text: str) -> Path:
    """A project with the program in it, recognised as one by its `pyproject.toml`."""
    project = directory / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pyproject.toml").write_text('[project]\nname = "proof"\ndependencies = ["fastapi>=0.121"]\n')
    (project / "program.py").write_text(text, encoding="utf-8")
    return project


def _child(project: Path, proof: Proof, database: Database, rows: int) -> dict[str, Any]:
    order = {"call": proof.call, "repeats": proof.repeats if rows == ROWS else 2}
    path = os.pathsep.join(map(str, (project, INSTRUMENTS)))
    with database.fresh(rows) as variables:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("child.py"))],
            cwd=project,
            env=os.environ | dict(variables) | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=SECONDS if rows == ROWS else SECONDS_AT_SCALE,
            check=False,
        )
    if done.returncode:
        raise ProofError(f"{proof.claim}: the program failed\n{done.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def section(comparisons: Iterable[Comparison]) -> str:
    """The text below *Measured* of a rule's page: a row for each run, a column for each metric that tells something."""
    comparisons = list(comparisons)
    versions = ", ".join(f"{name} {version}" for name, version in comparisons[0].versions.items())
    noted = dict.fromkeys(name for one in comparisons for name in one.leaking.noted)
    columns = [
        column
        for column in (*_COLUMNS, *(_Noted(name, name) for name in noted))
        if any(column.tells(one) for one in comparisons)
    ]
    equal = "result" if all(one.leaking.result == one.fixed.result for one in comparisons) else None
    same = [equal, *(column.name for column in _COLUMNS[2:4] if column not in columns)]
    lines = [
        f"On {versions}, with the garbage collector off and a pool of five connections; before → after the fix.",
        *([f"Equal before and after: {', '.join(filter(None, same))}."] if any(same) else []),
        "",
        f"| program | database | {' | '.join(column.name for column in columns)} |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for one in comparisons:
        cells = " | ".join(column.cell(one) for column in columns)
        lines.append(f"| {one.proof.claim} | {one.database} | {cells} |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Column:
    """A metric on a page; it tells something when it differs in some run by at least `noise`."""

    name: str
    metric: str
    noise: int = 1
    unit: str = ""

    def tells(self, comparison: Comparison) -> bool:
        then, now = self._values(comparison)
        return abs(then - now) >= self.noise

    def cell(self, comparison: Comparison) -> str:
        then, now = self._values(comparison)
        unit = self.unit.format(repeats=comparison.proof.repeats)
        return f"{then:,}{unit}" if abs(then - now) < self.noise else f"{then:,} → {now:,}{unit}"

    def _values(self, comparison: Comparison) -> tuple[int, int]:
        return getattr(comparison.leaking, self.metric), getattr(comparison.fixed, self.metric)


@dataclass(frozen=True, slots=True)
class _Noted(_Column):
    """A figure of the program's own."""

    def cell(self, comparison: Comparison) -> str:
        return _Column.cell(self, comparison) if self.name in comparison.leaking.noted else ""

    def _values(self, comparison: Comparison) -> tuple[int, int]:
        return comparison.leaking.noted.get(self.name, 0), comparison.fixed.noted.get(self.name, 0)


_COLUMNS = (
    _Column("connections held", "held"),
    _Column("failed calls", "failures", unit=" of {repeats}"),
    _Column("statements", "statements"),
    _Column("rows", "rows"),
    _Column("peak memory", "peak", noise=64, unit=" KiB"),
)
