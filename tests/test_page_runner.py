"""The page runner on small pages and a made-up engine that reports every line with `leak(`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Edit, Fix, Group, Location, Span
from sqla_leaklint.domain import Domain
from tests.pages.items import describe
from tests.pages.matcher import Problem
from tests.pages.parser import PageError, parse_page
from tests.pages.runner import cases_of, run_case
from tests.pages.update import rewrite

PAGE = Path("leaky.md")


@dataclass
class LeakEngine:
    """Reports `leaky` on every `leak(`, with a fix where the line says `mend`; remembers its settings and selection."""

    root: Path
    settings: str
    select: tuple[str, ...]

    def lint(self, path: str) -> Sequence[Diagnostic]:
        lines = (self.root / path).read_text(encoding="utf-8").split("\n")
        return [self._report(path, number, line) for number, line in enumerate(lines, 1) if "leak(" in line]

    def render_full(self, diagnostics: Sequence[Diagnostic]) -> str:
        return "".join(f"{one.location.path}:{one.location.span.line} {one.code}\n" for one in diagnostics)

    def domain(self, path: str) -> Domain:
        raise AssertionError("nothing is revealed here")

    def _report(self, path: str, number: int, line: str) -> Diagnostic:
        column = line.index("leak(") + 1
        location = Location(path, Span(number, column, number, column + 4))
        fix = Fix(Applicability.UNSAFE, "mend it", (Edit(location, "mend"),)) if "mend" in line else None
        name = "other" if "other" in line else "leaky"
        return Diagnostic("LKS999", name, Group.LEAK, "`leak` is called", location, fix=fix)


def problems_of(text: str, tmp_path: Path, rule: str | None = "leaky") -> list[Problem]:
    page = parse_page(textwrap.dedent(text), PAGE)
    cases = list(cases_of(page, rule))
    assert cases, "the page has no case"
    return [problem for case in cases for problem in run_case(case, tmp_path / "project", LeakEngine).problems]


def whats(text: str, tmp_path: Path, rule: str | None = "leaky") -> list[tuple[int, str]]:
    return [(problem.page_line, problem.what.split(":")[0]) for problem in problems_of(text, tmp_path, rule)]


def test_what_is_expected_passes(tmp_path: Path) -> None:
    page = """\
        # `leaky`
        ## One
        ```py
        leak()  # error
        leak()  # error: "is called"
        leak()  # error: [leaky] "leak"
        # error: [leaky]
        leak(
        )
        calm()  # an ordinary comment
        calm()  # missing: nothing tells that this leaks
        leak()  # spurious: it does not
        ```
    """
    assert whats(page, tmp_path) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("leak()", "nothing was expected here"),
        ("calm()  # error", "expected a diagnostic"),
        ('leak()  # error: "another text"', "expected a diagnostic"),
        ("leak()  # error: [other]", "expected a diagnostic"),
        ("leak()  # missing: not yet seen", "a missed alarm is reported now"),
        ("calm()  # spurious: not yet silent", "a false alarm is gone"),
        ("leak()  # error # error", "expected a diagnostic"),
    ],
)
def test_what_is_not_expected_fails_with_its_line(line: str, expected: str, tmp_path: Path) -> None:
    page = f"# t\n## One\ntext\n```py\ncalm()\n{line}\n```\n"
    assert (6, expected) in whats(page, tmp_path)


def test_lines_of_comments_do_not_shift_the_page_lines(tmp_path: Path) -> None:
    page = "# t\n## One\n```py\n# error\ncalm()\n# error\nleak()\nleak()\n```\n"
    assert whats(page, tmp_path) == [(4, "expected a diagnostic"), (8, "nothing was expected here")]


def test_a_spec_needs_names(tmp_path: Path) -> None:
    bare = "# t\n## One\n```py\nleak()  # error\n```\n"
    assert whats(bare, tmp_path, rule=None)[0] == (4, "this page belongs to no rule")
    assert whats(bare.replace("# error", "# error: [leaky]"), tmp_path, rule=None) == []


def test_what_is_recommended_has_to_be_clean(tmp_path: Path) -> None:
    page = "# t\n## Use instead\n```py\nleak()  # error\n```\n"
    assert whats(page, tmp_path) == [(4, "what is recommended under this heading has to be clean")]


def test_titled_blocks_below_one_heading_are_one_project(tmp_path: Path) -> None:
    text = """\
        # t
        ```toml
        everywhere = 1
        ```
        ## Outer
        ```toml
        here = 2
        ```
        ### Inner
        ```py title="app/db.py"
        a = 1
        ```
        ```toml title="pyproject.toml"
        [project]
        ```
        ```py
        b = 2
        ```
        ```py
        c = 3
        ```
        ## Another
        ```py
        d = 4
        ```
    """
    cases = list(cases_of(parse_page(textwrap.dedent(text), PAGE), "leaky"))
    assert [case.name for case in cases] == ["Outer / Inner", "Outer / Inner (2)", "Another"]
    assert [[example.path for example in case.examples] for case in cases] == [
        ["app/db.py", "pyproject.toml", "main.py"],
        ["app/db.py", "pyproject.toml", "main.py"],
        ["main.py"],
    ]
    seen: list[LeakEngine] = []

    def engine(root: Path, settings: str, select: tuple[str, ...]) -> LeakEngine:
        seen.append(LeakEngine(root, settings, select))
        return seen[-1]

    run_case(cases[0], tmp_path / "project", engine)
    assert seen[0].settings.split() == ["everywhere", "=", "1", "here", "=", "2"]
    assert seen[0].select == ("leaky",)
    assert (tmp_path / "project/pyproject.toml").read_text() == "[project]\n"


def test_the_linter_sees_no_expectations(tmp_path: Path) -> None:
    page = "# t\n## One\n```py\nleak()  # noqa: LKS999  # error\n# error\nleak()\nreveal_value(leak())\n```\n"
    case = next(cases_of(parse_page(page, PAGE), "leaky"))
    assert case.examples[0].text == "leak()  # noqa: LKS999\nleak()\npass\n"
    assert case.examples[0].revealing == "leak()  # noqa: LKS999\nleak()\nreveal_value(leak())\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("# t\n## One\n```py\nleak()\n", "leaky.md:3: the block is never closed"),
        ("# t\n## One\n```py\nleak()  # error: unquoted\n```\n", "leaky.md: line 4: put the message in quotes"),
        ("# t\n## One\n```py\nleak()  # missing\n```\n", "leaky.md: line 4: say why"),
        ("# t\n## One\n```py\nleak()  # error [leaky]\n```\n", "leaky.md: line 4: cannot read"),
        ("# t\n## One\n```py\nleak()\n# error\n```\n", "leaky.md: line 5: no line of code follows"),
        ("# t\n## One\n```py app.py\n```\n", "leaky.md:3: cannot read 'app.py'"),
        ('# t\n## One\n```py title="a.py"\n```\n```py title="a.py"\n```\n', "leaky.md:5: a second `a.py`"),
    ],
)
def test_a_malformed_page_says_where(page: str, message: str) -> None:
    with pytest.raises(PageError) as caught:
        list(cases_of(parse_page(page, PAGE), "leaky"))
    assert str(caught.value).startswith(message)


def test_blocks_that_nobody_types_are_written_and_then_pass(tmp_path: Path) -> None:
    path = tmp_path / "leaky.md"
    path.write_text("# t\n## Example\n```py\nleak()  # error\nleak(mend)  # error\n```\n\nprose\n", encoding="utf-8")

    def outcome() -> tuple[list[str], list[object]]:
        (case,) = cases_of(parse_page(path.read_text(encoding="utf-8"), path), "leaky")
        result = run_case(case, tmp_path / "project", LeakEngine)
        rewrite(path, result.changes)
        return [problem.what for problem in result.problems], list(result.changes)

    first, _ = outcome()
    assert [what.split("`")[1] for what in first] == ['diff title="fix: unsafe"', "text"]
    assert path.read_text(encoding="utf-8") == (
        "# t\n## Example\n```py\nleak()  # error\nleak(mend)  # error\n```\n"
        '\n```diff title="fix: unsafe"\n leak()\n-leak(mend)\n+mend(mend)\n```\n'
        "\n```text\nmain.py:1 LKS999\nmain.py:2 LKS999\n```\n\nprose\n"
    )
    assert outcome() == ([], [])
    written = path.read_text(encoding="utf-8")
    path.write_text(written.replace("+mend", "+MEND"), encoding="utf-8")
    (stale,) = outcome()[0]
    assert stale.startswith("this block is out of date")
    assert path.read_text(encoding="utf-8") == written
    path.write_text(written.replace("leak(mend)", "calm(mend)").replace("calm(mend)  # error", "calm(mend)"))
    assert outcome()[0][0].startswith("nothing produces this block any more")
    assert "diff" not in path.read_text(encoding="utf-8")
    assert outcome() == ([], [])


def test_an_output_is_compared_wherever_a_page_shows_one(tmp_path: Path) -> None:
    case = "```py\nleak()  # error\n```\n"
    page = f"# t\n## One\n{case}## Two\n{case}\n```text\nmain.py:7 LKS999\n```\n"
    one, two = (
        [problem.what for problem in run_case(case, tmp_path / "project", LeakEngine).problems]
        for case in cases_of(parse_page(page, PAGE), "leaky")
    )
    assert one == []
    (stale,) = two
    assert stale.startswith("this block is out of date")


def test_a_failure_quotes_the_page() -> None:
    text = "# t\n## One\n```py\nleak()\n```\n"
    shown = describe(PAGE, text, (Problem(4, "nothing was expected here", ("reported: LKS999",)),))
    assert shown.splitlines() == [
        "leaky.md:4: nothing was expected here",
        "       2 | ## One",
        "       3 | ```py",
        "  >    4 | leak()",
        "       5 | ```",
        "         reported: LKS999",
    ]
