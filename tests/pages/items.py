"""The tests that pytest makes of a page: one for every heading that has code below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages import engine
from tests.pages.matcher import Problem
from tests.pages.parser import PageError, read_page
from tests.pages.runner import Case, cases_of, run_case
from tests.pages.update import Replacement, rewrite


class PageFile(pytest.File):
    """A page; a rule's page, or a spec that is called like a rule, is about that rule."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.changes: list[Replacement] = []

    def collect(self) -> Iterator[PageCase]:
        page = read_page(self.path)
        for case in cases_of(page, rule_named(self.path.stem)):
            yield PageCase.from_parent(self, name=case.name, case=case)

    def teardown(self) -> None:
        """Write the page when its last case has run."""
        if self.changes:
            rewrite(self.path, self.changes)

    def repr_failure(  # type: ignore[override]  # collectors have no style
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        if isinstance(excinfo.value, PageError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class PageCase(pytest.Item):
    """The project below one heading."""

    def __init__(self, *, case: Case, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.case = case

    def runtest(self) -> None:
        factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]
        outcome = run_case(self.case, factory.mktemp("page") / "project", engine.open_project)
        problems = outcome.problems
        if self.config.getoption("--update-pages"):
            assert isinstance(self.parent, PageFile)
            self.parent.changes.extend(outcome.changes)
            rewritten = {problem for problem in problems if "--update-pages" in problem.what}
            problems = tuple(problem for problem in problems if problem not in rewritten)
        if problems:
            raise PageMismatchError(problems)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, PageMismatchError):
            shown = self.path.relative_to(self.config.rootpath)
            return describe(shown, self.path.read_text(encoding="utf-8"), excinfo.value.problems)
        if isinstance(excinfo.value, engine.LinterBrokeError):
            return f"{self.path}:{self.case.section.line}: the linter itself failed:\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.section.line - 1, f"{self.path.stem}: {self.name}"


class PageMismatchError(Exception):
    """An example is not what its page says."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(problem.what for problem in problems))
        self.problems = problems


def describe(path: Path, text: str, problems: tuple[Problem, ...]) -> str:
    """Quote the page round every problem."""
    lines = text.split("\n")
    shown: list[str] = []
    for problem in problems:
        shown.append(f"{path}:{problem.page_line}: {problem.what}")
        first, last = max(problem.page_line - 2, 1), min(problem.page_line + 1, len(lines))
        for number in range(first, last + 1):
            mark = ">" if number == problem.page_line else " "
            shown.append(f"  {mark} {number:4} | {lines[number - 1]}")
        shown += [f"         {detail}" for detail in problem.details]
        shown.append("")
    return "\n".join(shown)


def rule_named(stem: str) -> str | None:
    """The name of the rule whose module has this name."""
    name = stem.replace("_", "-")
    return name if name in engine.rule_names() else None
