"""What the tests of the hosts share: one more rule that is easy to please, and ways to run command and plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

import sqla_leaklint.rules as package
from sqla_leaklint.cli.main import group
from sqla_leaklint.linter import workspace
from sqla_leaklint.rules.registry import all_rules

ROOT = Path(__file__).resolve().parent.parent.parent
FAMILY = Path(__file__).parent / "family"
PREAMBLE = "import sqlalchemy\n"
"""Makes the sieve let a program through."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of the command gave."""

    code: int
    out: str
    err: str
    raw: bytes


def leaklint(*arguments: str | Path, stdin: bytes = b"") -> Ran:
    """Run the command in this process; an exception that it lets through fails the test."""
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)


@contextmanager
def toy_registered() -> Iterator[None]:
    """Let the registry find the rule `toy` (LKS199)."""
    package.__path__.append(str(FAMILY))
    _forget()
    try:
        yield
    finally:
        package.__path__.remove(str(FAMILY))
        _forget()


def _forget() -> None:
    all_rules.cache_clear()
    workspace.words_of.cache_clear()


def program(*statements: str) -> str:
    """A module of these statements, from its third line on."""
    return "\n".join((PREAMBLE, *statements, ""))


def write(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


RUN_FLAKE8 = """
import sys
from tests.hosts import toy_registered
from flake8.main.cli import main
with toy_registered():
    sys.exit(main(sys.argv[1:]))
"""


def flake8(
    installed: Path, directory: Path, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run flake8 with the plugin of this checkout, whatever is installed, and with the rule `toy`."""
    path = os.pathsep.join(map(str, (installed, ROOT / "src", ROOT)))
    return subprocess.run(
        [sys.executable, "-c", RUN_FLAKE8, "--isolated", "-j1", "--select", "LKS", *arguments],
        capture_output=True, text=True, check=False, cwd=directory, env={**os.environ, "PYTHONPATH": path}, timeout=300,
        input=stdin,
    )  # fmt: skip
