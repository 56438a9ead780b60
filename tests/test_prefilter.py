"""The sieve loses nothing: with and without it the same diagnostics come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.linter import workspace
from sqla_leaklint.linter.discovery import discover
from sqla_leaklint.linter.prefilter import is_plainly_valid, may_matter
from sqla_leaklint.linter.run import run

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
EVERYTHING = Settings(select=("LKS",))


def test_a_file_without_any_of_the_words_is_passed_over() -> None:
    words = frozenset({b"ession", b"a.b("})
    assert may_matter(b"x = Session()", words)
    assert may_matter(b"a.b()", words)
    assert not may_matter(b"aXb()", words)
    assert not may_matter(b"anything", frozenset())


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (b"x = 1\n", True),
        (b"x = \n", False),
        (b"\xff", False),
        (b"\0", False),
        (b"# coding: klingon\n", False),
        (b"", True),
    ],
)
def test_what_the_running_python_can_parse_needs_no_libcst(text: bytes, is_valid: bool) -> None:
    assert is_plainly_valid(text) == is_valid


@pytest.mark.parametrize("application", sorted(path.parent.name for path in FIXTURES.glob("*/expected.json")))
def test_the_sieve_loses_nothing(application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES / application)
    files = list(discover(["."], lambda _: EVERYTHING))
    sieved = run(files, lambda _: EVERYTHING)
    monkeypatch.setattr(workspace, "may_matter", lambda _data, _words: True)
    assert sieved.diagnostics
    assert sieved.diagnostics == run(files, lambda _: EVERYTHING).diagnostics
