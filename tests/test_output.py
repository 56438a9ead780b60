"""The formats: text as flake8 prints it, full for people, json for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Edit, Fix, Group, Location, Note, Span
from sqla_leaklint.output import full, text
from sqla_leaklint.output import json as json_format
from tests.hosts import leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]


def diagnostic(span: Span, *, path: str = "app/a.py", code: str = "LKS101", **more: object) -> Diagnostic:
    place = Location(path, span)
    message = "`s` is never closed"
    return Diagnostic(code, "unclosed-session", Group.LEAK, message, place, **more)  # type: ignore[arg-type]


def fix(applicability: Applicability) -> Fix:
    return Fix(applicability, "close it", (Edit(Location("app/a.py", Span(1, 2, 3, 4)), "x"),))


# --- text -------------------------------------------------------------------------------------------------------------


def test_text() -> None:
    assert list(text.render([diagnostic(Span(3, 5, 4, 1))])) == ["app/a.py:3:5: LKS101 `s` is never closed"]


def test_many_unparsable_files_of_a_folder_are_one_line_of_text() -> None:
    broken = [diagnostic(Span(1, 1, 1, 1), path=f"app/t/{n}.py", code="LKS900") for n in range(4)]
    other = [diagnostic(Span(1, 1, 1, 1), path=f"app/u/{n}.py", code="LKS900") for n in range(3)]
    shown = list(text.render([*broken, *other]))
    assert shown[0].endswith(
        "app/t/0.py:1:1: LKS900 `s` is never closed (and 3 more files in this folder cannot be parsed)"
    )
    assert [line.partition(":")[0] for line in shown[1:]] == ["app/u/0.py", "app/u/1.py", "app/u/2.py"]
    assert len(json.loads(json_format.render([*broken, *other]))) == 7


@pytest.mark.parametrize(
    ("applicabilities", "unsafe_fixes", "summary"),
    [
        ([], False, "No diagnostics."),
        ([None], False, "Found 1 diagnostic."),
        ([None, "display"], False, "Found 2 diagnostics."),
        (
            ["safe", "unsafe"],
            False,
            "Found 2 diagnostics (1 fixable with `--fix`, 1 more with `--fix --unsafe-fixes`).",
        ),
        (["unsafe"], False, "Found 1 diagnostic (1 fixable with `--fix --unsafe-fixes`)."),
        (["safe", "unsafe"], True, "Found 2 diagnostics (2 fixable with `--fix --unsafe-fixes`)."),
    ],
)
def test_summary(applicabilities: list[str | None], unsafe_fixes: bool, summary: str) -> None:
    found = [diagnostic(Span(1, 1, 1, 1), fix=fix(Applicability(one)) if one else None) for one in applicabilities]
    assert text.summary(found, unsafe_fixes=unsafe_fixes) == summary


# --- json -------------------------------------------------------------------------------------------------------------


def test_json_has_exactly_the_fields_that_are_promised() -> None:
    note = Note(Location("app/b.py", Span(9, 8, 9, 10)), "this can raise")
    one = diagnostic(Span(3, 5, 4, 1), help="close it", notes=(note,), fix=fix(Applicability.UNSAFE))
    assert json.loads(json_format.render([one])) == [
        {
            "code": "LKS101",
            "name": "unclosed-session",
            "group": "leak",
            "message": "`s` is never closed",
            "path": "app/a.py",
            "line": 3,
            "column": 5,
            "end_line": 4,
            "end_column": 1,
            "help": "close it",
            "notes": [{"path": "app/b.py", "line": 9, "column": 8, "message": "this can raise"}],
            "fix": {
                "applicability": "unsafe",
                "message": "close it",
                "edits": [{"path": "app/a.py", "line": 1, "column": 2, "end_line": 3, "end_column": 4, "content": "x"}],
            },
        }
    ]


def test_json_of_little_and_of_nothing() -> None:
    (one,) = json.loads(json_format.render([diagnostic(Span(1, 1, 1, 2))]))
    assert (one["help"], one["notes"], one["fix"]) == (None, [], None)
    assert json.loads(json_format.render([])) == []


@pytest.mark.usefixtures("toy")
def test_the_command_prints_nothing_but_json(project: Path) -> None:
    write(project, {"a.py": program("leak(safe)")})
    ran = leaklint("--output-format", "json")
    (one,) = json.loads(ran.out)
    assert ran.err == ""
    assert one["fix"]["edits"] == [
        {"path": "a.py", "line": 3, "column": 1, "end_line": 3, "end_column": 11, "content": "closed()"}
    ]
    assert json.loads(leaklint("--output-format", "json", "--ignore", "toy").out) == []


# --- full -------------------------------------------------------------------------------------------------------------

CODE = {
    "app/a.py": ["def f():", "\ts = Session()  # 会議", "\twork(s)", "\treturn 1", "", "x = (", "    1)"],
    "app/b.py": ["def work(s):", "    raise E"],
}


def lines(path: str) -> list[str]:
    return CODE.get(path, [])


def shown(one: Diagnostic) -> str:
    return "\n".join(line.rstrip() for line in full.render([one], lines))


def test_full_shows_the_path_of_the_leak() -> None:
    notes = (
        Note(Location("app/a.py", Span(3, 2, 3, 9)), "this can raise"),
        Note(Location("app/b.py", Span(2, 5, 2, 12)), "here"),
        Note(Location("app/a.py", Span(7, 5, 7, 6)), "leaves the function"),
    )
    one = diagnostic(Span(2, 6, 2, 15), help="close it\nin a `with`", notes=notes, fix=fix(Applicability.SAFE))
    assert shown(one) == (
        """\
LKS101 [unclosed-session] `s` is never closed
  --> app/a.py:2:6
  |
2 |     s = Session()  # 会議
  |         ^^^^^^^^^
3 |     work(s)
  |     ------- this can raise
  ::: app/b.py:2:5
  |
2 |     raise E
  |     ------- here
  ::: app/a.py:7:5
  |
7 |     1)
  |     - leaves the function
  |
  = help: close it
    in a `with`
  = fix: close it
"""
    )


def test_full_marks_a_place_of_several_lines_to_the_end_of_the_first() -> None:
    assert "6 | x = (\n  |     ^\n" in shown(diagnostic(Span(6, 5, 7, 7)))


def test_full_without_the_file_has_no_code_and_does_not_fail() -> None:
    assert "  --> gone.py:3:1\n" in shown(diagnostic(Span(3, 1, 3, 4), path="gone.py"))


def test_full_lets_no_code_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODE, "app/c.py", ["x = '\x1b[2J'; leak()"])
    frame = shown(diagnostic(Span(1, 14, 1, 20), path="app/c.py"))
    assert "\x1b" not in frame
    caret = next(line for line in frame.splitlines() if "^" in line)
    assert caret.index("^") - len("  | ") == 11 + 2


def test_full_measures_wide_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODE, "app/d.py", ["x = '会議'; leak()"])
    caret = next(line for line in shown(diagnostic(Span(1, 11, 1, 17), path="app/d.py")).splitlines() if "^" in line)
    assert caret == "  | " + " " * 12 + "^^^^^^"


@pytest.mark.usefixtures("toy")
def test_the_command_shows_the_code_as_it_is_after_fixing(project: Path) -> None:
    write(project, {"a.py": program("leak(lines)", "leak(plain)")})
    assert "6 | leak(plain)\n" in leaklint("--fix", "--output-format", "full").out
    assert "3 | leak(plain)\n" in leaklint("--output-format", "full", "-", stdin=program("leak(plain)").encode()).out
