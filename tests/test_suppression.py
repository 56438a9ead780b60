"""`# noqa`: what it silences, and that flake8 would say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.diagnostics import Diagnostic, Group, Location, Span
from sqla_leaklint.linter.suppression import unsuppressed
from tests.hosts import flake8, leaklint, program, write


def diagnostic(line: int, code: str = "LKS101") -> Diagnostic:
    return Diagnostic(code, "x", Group.LEAK, "message", Location("a.py", Span(line, 1, line, 2)))


def left(text: str, *codes: str) -> list[int]:
    """The lines of a text, each of which has a diagnostic, on which it is heard."""
    count = text.count("\n") + 1
    found = [diagnostic(line, code) for line in range(1, count) for code in codes or ("LKS101",)]
    return [one.location.span.line for one in unsuppressed(found, text)]


def test_without_comments_all_are_heard() -> None:
    assert left("a\nb\n") == [1, 2]


@pytest.mark.parametrize(
    "comment",
    ["# noqa", "# NOQA", "# noqa: LKS101", "# noqa:LKS101", "# noqa: E501,LKS101", "# noqa: E501 LKS1", "# noqa: LKS",
     "# type: ignore  # noqa: LKS101", "# noqa : E501", "# noqa: because"],
)  # fmt: skip
def test_silenced(comment: str) -> None:
    assert left(f"a  {comment}\nb\n") == [2]


@pytest.mark.parametrize("comment", ["# noqa: E501", "# noqa: LKS102", "# nope", "#noqa", "# noqa: LKS1011"])
def test_not_silenced(comment: str) -> None:
    assert left(f"a  {comment}\nb\n") == [1, 2]


def test_a_code_silences_only_its_rule() -> None:
    text = "a  # noqa: LKS102\n"
    assert [one.code for one in unsuppressed([diagnostic(1), diagnostic(1, "LKS102")], text)] == ["LKS101"]


def test_a_comment_after_a_multi_line_string_silences_all_of_its_lines() -> None:
    assert left('x = """\nb\n"""  # noqa\nd\n') == [4]


def test_a_comment_at_the_end_of_a_continued_line_silences_all_of_it() -> None:
    assert left("x = a + \\\n    b  # noqa\nd\n") == [3]


def test_a_comment_within_brackets_silences_its_own_line() -> None:
    assert left("x = (\n    a,  # noqa\n    b,\n)\n") == [1, 3, 4]


def test_a_line_of_its_own_silences_the_file() -> None:
    assert left("# flake8: noqa\na\n") == []
    assert left("x = 1  # flake8: noqa\na\n") == [1, 2]


def test_text_that_cannot_be_split_into_tokens_counts_by_lines() -> None:
    assert left('x = """\nb  # noqa\n') == [1]
    assert left("x = (  # noqa\n") == []


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_any_line_end(newline: str) -> None:
    text = newline.join(("a", "b  # noqa", "c", ""))
    found = [diagnostic(line) for line in (1, 2, 3)]
    assert [one.location.span.line for one in unsuppressed(found, text)] == [1, 3]


# --- beside flake8 ----------------------------------------------------------------------------------------------------

SHAPES = """\
leak(safe)
leak(safe)  # noqa
leak(safe)  # noqa: LKS
leak(safe)  # noqa: LKS199
leak(safe)  # noqa:E501,LKS1
leak(safe)  # noqa: E501
leak(safe)  # noqa: lks199
leak(safe)  # noqa LKS101
leak(safe,
     1)  # noqa
leak(safe, '''
''')  # noqa
leak(safe, \\
     1)  # noqa
"""


@pytest.mark.usefixtures("toy")
def test_flake8_silences_the_same_lines(installed: Path, project: Path) -> None:
    write(project, {"a.py": program(SHAPES)})
    ours = leaklint("a.py")
    assert ours.out.count("\n") == 4
    assert flake8(installed, project, "a.py").stdout == ours.out
