"""The flake8 plugin says what the command says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts import flake8, leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]
pytestmark = pytest.mark.usefixtures("toy")

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"


def normal(output: str) -> list[str]:
    return sorted(line.removeprefix("./") for line in output.splitlines())


def test_the_same_diagnostics(installed: Path, project: Path) -> None:
    text = program("leak(plain)", "x = 1; leak(safe)", "leak(strict)", "leak(plain)  # noqa: LKS199")
    write(
        project,
        {"a.py": text, "tests/test_a.py": text, "sub/b.py": text, "sub/leaklint.toml": 'extend-select = ["toy"]'},
    )
    theirs = flake8(installed, project)
    assert theirs.stderr == ""
    assert theirs.returncode == 1
    assert normal(theirs.stdout) == normal(leaklint().out)
    assert len(normal(theirs.stdout)) == 5


def test_disable_noqa_is_flake8s_own(installed: Path, project: Path) -> None:
    write(project, {"a.py": program("leak(plain)  # noqa")})
    assert flake8(installed, project).stdout == ""
    assert "LKS199" in flake8(installed, project, "--disable-noqa").stdout


def test_lines_and_bytes_of_any_kind(installed: Path, project: Path) -> None:
    text = program("é = 1; leak(plain)")
    (project / "a.py").write_bytes(("\ufeff" + text).replace("\n", "\r\n").encode())
    (project / "b.py").write_bytes(("# coding: latin-1\n" + text).encode("latin-1"))
    theirs = flake8(installed, project)
    assert normal(theirs.stdout) == normal(leaklint().out)
    assert len(normal(theirs.stdout)) == 2


def test_standard_input(installed: Path, project: Path) -> None:
    text = program("leak(plain)")
    assert flake8(installed, project, "-", stdin=text).stdout == "stdin:3:1: LKS199 `leak(plain)` is called\n"
    write(project, {"leaklint.toml": 'ignore = ["toy"]', "a.py": ""})
    assert flake8(installed, project, "--stdin-display-name", "a.py", "-", stdin=text).stdout == ""


def test_broken_settings_are_told_without_a_traceback(installed: Path, project: Path) -> None:
    write(project, {"a.py": program("x = 1"), "leaklint.toml": "slect = []"})
    theirs = flake8(installed, project)
    assert theirs.returncode != 0
    assert "unknown key `slect` (did you mean `select`?)" in theirs.stdout + theirs.stderr
    assert "Traceback" not in theirs.stdout + theirs.stderr


def test_a_rule_that_breaks_does_not_stop_flake8(installed: Path, project: Path) -> None:
    write(project, {"a.py": program("leak(plain)", "leak(crash)"), "b.py": program("leak(plain)")})
    theirs = flake8(installed, project)
    assert "internal error: ./a.py: LKS199: ZeroDivisionError: on purpose" in theirs.stderr
    assert "b.py:3:1: LKS199" in theirs.stdout


@pytest.mark.parametrize("application", sorted(path.parent.name for path in FIXTURES.glob("*/expected.json")))
def test_the_fixture_applications(application: str, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES / application)
    theirs = flake8(installed, FIXTURES / application)
    assert theirs.stderr == ""
    assert normal(theirs.stdout) == normal(leaklint().out)
    assert theirs.stdout
