"""Programs for the property tests: the projects of pages and fixtures, with small damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from hypothesis import strategies as st

from sqla_leaklint.rules.registry import all_rules
from tests.house import ROOT, RULES
from tests.pages.parser import read_page
from tests.pages.runner import cases_of

FRAGMENTS = (
    "with ", "async ", "await ", "return ", "yield ", "try:\n", "else:\n", "del ", "if x:\n", "raise\n", "break\n",
    "    finally:\n        session.close()\n", "global session\n", "session = None\n", "lambda: ", "type X = Session\n",
    "match session:\n    case Session():\n        pass\n", "f'{session!r:>{10}}'", ".all()", ".close()", "()", "[0]",
    "*", "**", ":=", "(", ")", "]", "{", "'", '"""', "\\\n", "#", ";", "@", "0x", "1_", "\t", "\f", "\r\n", "\0",
    "é", "\N{SNOWMAN}", "\N{BYTE ORDER MARK}",
)  # fmt: skip

Files = Mapping[str, str]
"""A project: texts by path."""


@cache
def projects() -> tuple[Files, ...]:
    """Every project of a rule's page, and the fixture applications."""
    return (*_page_projects(), *_fixture_projects())


def _page_projects() -> Iterator[Files]:
    names = {rule.name.replace("-", "_"): rule.name for rule in all_rules()}
    for path in sorted(RULES.rglob("*.md")):
        for case in cases_of(read_page(path), names.get(path.stem)):
            yield {example.path: example.text for example in case.examples}


def _fixture_projects() -> Iterator[Files]:
    for manifest in sorted((ROOT / "fixtures").glob("*/pyproject.toml")):
        folder = manifest.parent
        yield {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in (manifest, *sorted(folder.rglob("*.py")))
            if "__pycache__" not in path.parts
        }


@st.composite
def damaged_projects(draw: st.DrawFn, least_files: int = 1) -> Files:
    """A project of which one file was changed in a few places; often it still is a program."""
    files = dict(draw(st.sampled_from([project for project in projects() if len(project) >= least_files])))
    path = draw(st.sampled_from(sorted(path for path in files if path.endswith(".py"))))
    text = files[path]
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
        text = change(text, draw)
    return {**files, path: text}


def _on_lines(change: Callable[[list[str], int, st.DrawFn], None]) -> Callable[[str, st.DrawFn], str]:
    def changed(text: str, draw: st.DrawFn) -> str:
        lines = text.splitlines(keepends=True)
        if lines:
            change(lines, draw(st.integers(0, len(lines) - 1)), draw)
        return "".join(lines)

    return changed


def _delete(lines: list[str], at: int, draw: st.DrawFn) -> None:
    del lines[at]


def _repeat(lines: list[str], at: int, draw: st.DrawFn) -> None:
    lines.insert(at, lines[at])


def _swap(lines: list[str], at: int, draw: st.DrawFn) -> None:
    other = draw(st.integers(0, len(lines) - 1))
    lines[at], lines[other] = lines[other], lines[at]


def _indent(lines: list[str], at: int, draw: st.DrawFn) -> None:
    until = min(len(lines), at + draw(st.integers(1, 6)))
    lines[at:until] = [f"    {line}" for line in lines[at:until]]


def _dedent(lines: list[str], at: int, draw: st.DrawFn) -> None:
    until = min(len(lines), at + draw(st.integers(1, 6)))
    lines[at:until] = [line.removeprefix("    ") for line in lines[at:until]]


def _wrap(lines: list[str], at: int, draw: st.DrawFn) -> None:
    """Put a line into a block: the commonest edit of real programs."""
    blank = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    opening = draw(
        st.sampled_from(["if flag:", "for item in items:", "while True:", "with lock:", "def inner():", "try:"])
    )
    closing = f"{blank}except Exception:\n{blank}    raise\n" if opening == "try:" else ""
    lines[at : at + 1] = [f"{blank}{opening}\n", f"    {lines[at]}", closing]


def _insert(text: str, draw: st.DrawFn) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(FRAGMENTS)) + text[at:]


def _cut(text: str, draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(text)))
    return text[:start] + text[start + draw(st.integers(1, 12)) :]


def _truncate(text: str, draw: st.DrawFn) -> str:
    return text[: draw(st.integers(0, len(text)))]


CHANGES: tuple[Callable[[str, st.DrawFn], str], ...] = (
    _on_lines(_delete), _on_lines(_repeat), _on_lines(_swap), _on_lines(_indent), _on_lines(_dedent), _on_lines(_wrap),
    _on_lines(_wrap), _insert, _cut, _truncate,
)  # fmt: skip
