"""Fixes: rounds, what is taken back, what is written and how."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Edit, Fix, Group, Location, Span
from sqla_leaklint.linter.apply import ChangedMeanwhileError, apply_edits, compatible, write_file
from tests.hosts import leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]
pytestmark = pytest.mark.usefixtures("toy")


def fixed(project: Path, *statements: str, arguments: tuple[str, ...] = ("--fix",)) -> tuple[list[str], int]:
    """The statements after fixing, and the exit code."""
    write(project, {"a.py": program(*statements)})
    ran = leaklint(*arguments, "a.py")
    return (project / "a.py").read_text().splitlines()[2:], ran.code


# --- rounds -----------------------------------------------------------------------------------------------------------


def test_safe_fixes_only(project: Path) -> None:
    before = ["leak(safe)", "leak(unsafe)", "leak(display)", "leak(plain)"]
    assert fixed(project, *before) == (["closed()", *before[1:]], 1)
    assert fixed(project, *before, arguments=("--fix", "--unsafe-fixes")) == (["closed()", "closed()", *before[2:]], 1)
    assert fixed(project, *before, arguments=("--unsafe-fixes",)) == (before, 1)


def test_all_fixed_exits_with_zero_and_a_second_run_changes_nothing(project: Path) -> None:
    write(project, {"a.py": program("leak(safe)", "leak(safe)")})
    first = leaklint("--fix")
    assert (first.code, first.out) == (0, "")
    assert "Fixed 2 diagnostics in 1 file." in first.err
    before = (project / "a.py").stat()
    second = leaklint("--fix")
    assert (second.code, second.out, second.err) == (0, "", "No diagnostics.\n")
    assert (project / "a.py").stat() == before


def test_what_is_reported_is_what_is_left(project: Path) -> None:
    write(project, {"a.py": program("leak(lines)", "leak(plain)")})
    assert leaklint("--fix").out == "a.py:6:1: LKS199 `leak(plain)` is called\n"


def test_silenced_diagnostics_are_not_fixed(project: Path) -> None:
    assert fixed(project, "leak(safe)  # noqa", "leak(safe)") == (["leak(safe)  # noqa", "closed()"], 0)


def test_what_does_not_parse_is_taken_back_when_syntax_errors_are_not_asked_for(project: Path) -> None:
    statements, code = fixed(project, "leak(broken)", arguments=("--fix", "--select", "LKS199"))
    assert (statements, code) == (["leak(broken)"], 1)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("leak(broken)", "it brings LKS900 in line 3: syntax error: "),
        ("leak(other)", "it brings LKS199 in line 3: `rotten` is called"),
        ("leak(same)", "it does not silence its rule"),
        ("leak(again)", "it brings LKS199 in line 3: `leak(safe)` is called"),
    ],
)
def test_a_fix_that_does_not_hold_its_promise_is_taken_back(statement: str, reason: str, project: Path) -> None:
    write(project, {"a.py": program(statement, "leak(safe)", "leak(safe)")})
    ran = leaklint("--fix")
    assert (project / "a.py").read_text() == program(statement, "closed()", "closed()")
    assert (ran.code, ran.out) == (1, f"a.py:3:1: LKS199 `{statement}` is called\n")
    assert ran.err.startswith(f"leaklint: a.py:3: the fix of LKS199 was not kept: {reason}")
    assert ran.err.count("was not kept") == 1
    assert ran.err.endswith("Fixed 2 diagnostics in 1 file.\nFound 1 diagnostic.\n")


def test_nothing_is_fixed_where_a_rule_breaks(project: Path) -> None:
    assert fixed(project, "leak(safe)", "leak(crash)") == (["leak(safe)", "leak(crash)"], 2)


def make(message: str, *edits: tuple[Span, str]) -> Diagnostic:
    spans = tuple(Edit(Location("a.py", span), content) for span, content in edits)
    fix = Fix(Applicability.SAFE, "x", spans)
    return Diagnostic("LKS199", "toy", Group.LEAK, message, Location("a.py", edits[0][0]), fix=fix)


def test_overlapping_fixes_wait_for_the_next_round() -> None:
    first = make("1", (Span(1, 1, 2, 5), "x"))
    inside = make("2", (Span(1, 3, 1, 4), "y"))
    behind = make("3", (Span(2, 5, 2, 6), "z"))
    spread = make("4", (Span(5, 1, 5, 2), "a"), (Span(2, 4, 3, 1), "b"))
    insertion = make("5", (Span(2, 1, 2, 1), "i"))
    assert compatible([first, inside, behind, spread, insertion]) == [first, behind]
    assert compatible([inside, first]) == [inside]


def test_an_edit_that_two_fixes_share_is_made_once() -> None:
    shared = (Span(1, 1, 1, 1), "import x\n")
    one, other = make("1", shared, (Span(2, 1, 2, 2), "b")), make("2", shared, (Span(3, 1, 3, 2), "c"))
    assert compatible([one, other]) == [one, other]
    assert one.fix is not None
    assert other.fix is not None
    assert apply_edits("1\n2\n3\n", (*one.fix.edits, *other.fix.edits)) == "import x\n1\nb\nc\n"


def test_imports_from_one_module_wait_for_each_other() -> None:
    one = make("1", (Span(1, 1, 1, 1), "from x import a\n"), (Span(2, 1, 2, 2), "b"))
    other = make("2", (Span(1, 1, 1, 1), "from x import c\n"), (Span(3, 1, 3, 2), "c"))
    of_another_module = make("3", (Span(1, 1, 1, 1), "from y import c\n"), (Span(4, 1, 4, 2), "c"))
    function = make("4", (Span(1, 1, 1, 1), "def f(): ...\n"), (Span(5, 1, 5, 2), "d"))
    assert compatible([one, other, of_another_module, function]) == [one, of_another_module, function]


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_edits_are_written_in_the_line_ends_of_the_file(newline: str, project: Path) -> None:
    (project / "a.py").write_bytes(program("leak(lines)", "x = 1").replace("\n", newline).encode())
    assert leaklint("--fix").code == 0
    assert (project / "a.py").read_bytes() == program("(\n    closed()\n)", "x = 1").replace("\n", newline).encode()


def test_a_text_without_line_ends() -> None:
    edit = Edit(Location("a", Span(1, 2, 1, 3)), "x\ny")
    assert apply_edits("abc", [edit]) == "ax\nyc"


@pytest.mark.parametrize(
    ("prefix", "encoding"),
    [("", "utf-8"), ("\ufeff", "utf-8"), ("# coding: latin-1\n", "latin-1"), ("# coding: cp1252\n", "cp1252")],
)
def test_encoding_and_byte_order_mark_are_kept(prefix: str, encoding: str, project: Path) -> None:
    text = prefix + program("name = 'ä'", "leak(safe)  # ö")
    (project / "a.py").write_bytes(text.encode(encoding))
    assert leaklint("--fix").code == 0
    assert (project / "a.py").read_bytes() == text.replace("leak(safe)", "closed()").encode(encoding)


# --- files ------------------------------------------------------------------------------------------------------------


def test_permissions_are_kept_and_nothing_is_left_behind(project: Path) -> None:
    write(project, {"a.py": program("leak(safe)")})
    (project / "a.py").chmod(0o750)
    assert leaklint("--fix").code == 0
    assert stat.S_IMODE((project / "a.py").stat().st_mode) == 0o750
    assert sorted(os.listdir(project)) == ["a.py", "pyproject.toml"]


def test_a_link_stays_a_link(project: Path) -> None:
    write(project, {"real/a.txt": program("leak(safe)")})
    (project / "a.py").symlink_to("real/a.txt")
    assert leaklint("--fix", "a.py").code == 0
    assert (project / "a.py").is_symlink()
    assert (project / "real" / "a.txt").read_text() == program("closed()")


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"new")
    with pytest.raises(ChangedMeanwhileError):
        write_file(path, b"old", b"fixed")
    assert path.read_bytes() == b"new"


def test_a_file_that_cannot_be_written_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, {"a.py": program("leak(safe)"), "b.py": program("leak(safe)")})

    def full_disk(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_disk)
        ran = leaklint("--fix")
    assert ran.code == 2
    assert "leaklint: error: a.py: not written: No space left on device" in ran.err
    assert "leaklint: error: b.py: not written: No space left on device" in ran.err
    assert (project / "a.py").read_text() == program("leak(safe)")
    assert sorted(os.listdir(project)) == ["a.py", "b.py", "pyproject.toml"]


# --- --diff -----------------------------------------------------------------------------------------------------------


def test_diff_shows_and_writes_nothing(project: Path) -> None:
    files = {"a.py": program("leak(safe)", "leak(unsafe)"), "sub/b.py": program("leak(lines)").rstrip("\n")}
    write(project, files)
    ran = leaklint("--diff")
    assert ran.code == 1
    assert "Would fix 2 diagnostics in 2 files." in ran.err
    assert {name: (project / name).read_text() for name in files} == files
    assert "-leak(unsafe)" not in ran.out
    assert "-leak(unsafe)" in leaklint("--diff", "--unsafe-fixes").out
    patch = subprocess.run(["git", "apply", "-"], input=ran.out, text=True, cwd=project, check=False, timeout=60)
    assert patch.returncode == 0
    patched = {name: (project / name).read_text() for name in files}
    write(project, files)
    leaklint("--fix")
    assert {name: (project / name).read_text() for name in files} == patched != files


def test_diff_of_nothing(project: Path) -> None:
    write(project, {"a.py": program("x = 1")})
    ran = leaklint("--diff")
    assert (ran.code, ran.out) == (0, "")
