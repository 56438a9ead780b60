"""The command: what may be left out, options, exit codes, standard input, pages, start-up."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import sqla_leaklint
from sqla_leaklint.cli import progress
from sqla_leaklint.rules.registry import all_rules
from tests.hosts import leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]
pytestmark = pytest.mark.usefixtures("toy")

ROOT = Path(__file__).resolve().parent.parent


def test_check_is_the_default_command(project: Path) -> None:
    write(project, {"a.py": program("leak(plain)")})
    named = leaklint("check", "a.py")
    assert named.out == "a.py:3:1: LKS199 `leak(plain)` is called\n"
    assert named == leaklint("a.py") == leaklint("check", ".") == leaklint()
    assert leaklint("--exit-zero", "a.py").code == leaklint("check", "--exit-zero", "a.py").code == 0


def test_a_file_may_be_called_like_a_command(project: Path) -> None:
    write(project, {f"{name}/a.py": program("leak(plain)") for name in ("rule", "why", "check")})
    assert leaklint("./rule").out.startswith("rule/a.py:3:1: ")
    assert leaklint("./why").out.startswith("why/a.py:3:1: ")
    assert leaklint("check", "check").out.startswith("check/a.py:3:1: ")


def test_exit_codes(project: Path) -> None:
    write(project, {"clean.py": program("x = 1"), "dirty.py": program("leak(plain)")})
    assert leaklint("clean.py").code == 0
    assert leaklint("dirty.py").code == 1
    assert leaklint("dirty.py", "--exit-zero").code == 0
    for arguments in (
        ["missing.py"],
        ["--nonsense"],
        ["--select", "nonsense", "clean.py"],
        ["--config", "none", "clean.py"],
    ):
        assert leaklint(*arguments).code == 2, arguments
        assert leaklint(*arguments, "--exit-zero").code == 2, arguments


def test_a_clean_run_prints_nothing_to_standard_output(project: Path) -> None:
    write(project, {"a.py": "x = 1\n"})
    ran = leaklint("a.py")
    assert (ran.code, ran.out, ran.err) == (0, "", "No diagnostics.\n")


def test_a_rule_that_breaks_costs_its_own_diagnostics_of_that_file(project: Path) -> None:
    write(project, {"a.py": program("leak(plain)", "leak(crash)"), "b.py": program("leak(plain)"), "c.py": "print 1\n"})
    ran = leaklint("--exit-zero")
    assert ran.code == 2
    assert "leaklint: internal error: a.py: LKS199: ZeroDivisionError: on purpose (toy.py:" in ran.err
    assert [line.split(" ")[:2] for line in ran.out.splitlines()[1:]] == [
        ["b.py:3:1:", "LKS199"],
        ["c.py:1:1:", "LKS900"],
    ]
    assert "Traceback" not in ran.err


# --- choosing rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ([], {"LKS199 leak", "LKS900 leak"}),
        (["--select", "LKS"], {"LKS199 leak", "LKS199 strict", "LKS900 leak"}),
        (["--select", "strict"], {"LKS199 strict"}),
        (["--select", "LKS9,strict"], {"LKS900 leak", "LKS199 strict"}),
        (["--select", "toy"], {"LKS199 leak", "LKS199 strict"}),
        (["--extend-select", "toy"], {"LKS199 leak", "LKS199 strict", "LKS900 leak"}),
        (["--ignore", "toy"], {"LKS900 leak"}),
        (["--ignore", "LKS1", "--ignore", "syntax-error"], set()),
    ],
)
def test_selection(arguments: list[str], codes: set[str], project: Path) -> None:
    write(project, {"a.py": program("leak(plain)", "leak(strict)"), "b.py": "print 1\n"})
    ran = leaklint("--output-format", "json", *arguments)
    assert {f"{one['code']} {one['group']}" for one in json.loads(ran.out)} == codes


def test_an_unknown_selector_is_an_error(project: Path) -> None:
    ran = leaklint("--ignore", "syntx-error")
    assert ran.code == 2
    assert "`syntx-error` names no rule, group or beginning of a code (did you mean `syntax-error`?)" in ran.err


def test_rules_spare_tests_and_migrations_unless_told_not_to(project: Path) -> None:
    text = program("leak(plain)")
    migration = program("leak(plain)", "down_revision = None")
    files = {"app.py": text, "tests/t.py": text, "test_x.py": text, "migrations/versions/1.py": migration}
    write(project, {**files, "tests/broken.py": "print 1\n"})
    assert [line.split(":")[0] for line in leaklint().out.splitlines()] == ["app.py", "tests/broken.py"]
    assert {line.split(":")[0] for line in leaklint("--all-files").out.splitlines()} == {*files, "tests/broken.py"}


# --- standard input ---------------------------------------------------------------------------------------------------


def test_standard_input(project: Path) -> None:
    ran = leaklint("-", stdin=program("leak(plain)").encode())
    assert (ran.code, ran.out) == (1, "-:3:1: LKS199 `leak(plain)` is called\n")
    named = leaklint("--stdin-filename", "app/a.py", "-", stdin=program("leak(plain)").encode())
    assert named.out == "app/a.py:3:1: LKS199 `leak(plain)` is called\n"


def test_standard_input_takes_settings_and_role_from_the_file_that_it_stands_for(project: Path) -> None:
    write(project, {"app/leaklint.toml": 'ignore = ["toy"]'})
    text = program("leak(plain)").encode()
    assert leaklint("-", "--stdin-filename", "app/a.py", stdin=text).code == 0
    assert leaklint("-", "--stdin-filename", "tests/a.py", stdin=text).code == 0
    assert leaklint("-", "--stdin-filename", "b.py", stdin=text).code == 1


@pytest.mark.parametrize("text", [program("leak(safe)"), "x = 1", "print 1\r\n"])
def test_fixed_standard_input_is_printed(text: str, project: Path) -> None:
    ran = leaklint("--fix", "-", stdin=text.encode())
    assert ran.raw == text.replace("leak(safe)", "closed()").encode()
    assert ran.code == (1 if "print" in text else 0)
    assert ("-:1:1: LKS900" in ran.err) == ("print" in text)


def test_standard_input_that_cannot_be_decoded(project: Path) -> None:
    ran = leaklint("-", stdin=b"x = '\xff'\n")
    assert (ran.code, ran.out) == (1, "-:1:6: LKS900 byte 0xff cannot be decoded as utf-8\n")
    assert leaklint("--fix", "-", stdin=b"x = '\xff'\n").raw == b"x = '\xff'\n"


@pytest.mark.parametrize(
    "arguments", [["-", "a.py"], ["--stdin-filename", "a.py"], ["--stdin-filename", "a.py", "b.py"]]
)
def test_what_cannot_go_with_standard_input(arguments: list[str], project: Path) -> None:
    assert leaklint(*arguments).code == 2


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_rules_page_is_found_by_code_and_name() -> None:
    page = leaklint("rule", "LKS900")
    assert page.out.startswith("# `syntax-error` (`LKS900`)\n\n## What it does\n")
    assert page == leaklint("rule", "syntax-error") == leaklint("rule", "lks900")


def test_an_unknown_rule_is_told_with_its_neighbour() -> None:
    ran = leaklint("rule", "sintax-error")
    assert ran.code == 2
    assert "there is no rule `sintax-error` (did you mean `syntax-error`?)" in ran.err
    assert leaklint("rule").code == leaklint("rule", "--all", "LKS900").code == 2


def test_all_pages() -> None:
    done = run_module("rule", "--all")
    titles = [line for line in done.stdout.splitlines() if line.startswith("# `")]
    assert titles == [f"# `{rule.name}` (`{rule.code}`)" for rule in all_rules() if rule.name != "toy"]


# --- the process ------------------------------------------------------------------------------------------------------


def run_module(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sqla_leaklint", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_version() -> None:
    assert run_module("--version").stdout == f"leaklint {sqla_leaklint.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["check", "--help"], ["rule", "--help"], ["why", "--help"]]
)
def test_what_needs_no_linter_does_not_load_it(arguments: list[str]) -> None:
    code = (
        "import sys; from sqla_leaklint.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "loaded = {'libcst', 'asyncio', 'rich', 'flake8', 'pathspec', 'sqla_leaklint.rules', 'sqla_leaklint.domain',"
        " 'sqla_leaklint.linter', 'sqla_leaklint.config'} & set(sys.modules)\n"
        "sys.exit(f'{code} {loaded}' if code or loaded else 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_loads_nothing_that_it_does_not_need(project: Path) -> None:
    write(project, {"a.py": program("x = 1")})
    code = (
        "import sys; sys.argv[1:] = ['a.py']; from sqla_leaklint.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "loaded = {'asyncio', 'rich', 'flake8', 'pathspec', 'multiprocessing', 'libcst.matchers'} & set(sys.modules)\n"
        "sys.exit(f'{code} {loaded}' if code or loaded else 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
        cwd=project,
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_traceback(project: Path) -> None:
    write(project, {f"a{number}.py": "print 1\n" for number in range(3)})
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "sqla_leaklint", "."]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=project
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


# --- progress ---------------------------------------------------------------------------------------------------------


def test_progress_is_for_terminals_and_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    for patience, is_told in ((0.0, True), (60.0, False)):
        monkeypatch.setattr(progress, "PATIENCE", patience)
        leader, follower = pty.openpty()
        with os.fdopen(follower, "w") as terminal, progress.Progress(terminal) as report:
            report(1, 2)
        shown = os.read(leader, 1000) if is_told else b""
        os.close(leader)
        assert (b"1 of 2 files" in shown) == is_told


def test_progress_is_not_for_pipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    path = tmp_path / "pipe"
    with path.open("w") as file, progress.Progress(file) as report:
        report(1, 2)
    assert path.read_text() == ""
