"""What the tests of the house rules read: the catalogue, the rules, their modules and their pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqla_leaklint.config import parse_toml
from sqla_leaklint.rules.base import Rule
from sqla_leaklint.rules.registry import all_rules
from tests.pages.assertions import Kind
from tests.pages.parser import Page, Section, read_page
from tests.pages.runner import Case, cases_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "sqla_leaklint"
RULES = PACKAGE / "rules"


@dataclass(frozen=True, slots=True)
class RulePage:
    """A rule with its page; `path` is the page's, the rule's module lies beside it."""

    rule: Rule
    path: Path
    page: Page

    @property
    def cases(self) -> Iterator[Case]:
        return cases_of(self.page, self.rule.name)

    @property
    def comments(self) -> list[Kind]:
        return [one.kind for case in self.cases for example in case.examples for one in example.expectations]

    @property
    def clean_cases(self) -> list[Case]:
        """The projects in which nothing is to be reported: near misses."""
        return [
            case
            for case in self.cases
            if not any(
                one.kind in (Kind.ERROR, Kind.SPURIOUS, Kind.MISSING) for e in case.examples for one in e.expectations
            )
        ]

    def section(self, heading: str) -> Section | None:
        return self.page.section(heading)


def read_toml(path: Path) -> dict[str, Any]:
    return parse_toml(path.read_text(encoding="utf-8"), str(path))


@cache
def catalogue() -> tuple[dict[str, Any], ...]:
    return tuple(read_toml(ROOT / "docs" / "rules.toml")["rule"])


def module_path(rule: Rule) -> Path:
    """Where a rule's module is; the file is called like the rule."""
    found = list(RULES.glob(f"*/{rule.name.replace('-', '_')}.py"))
    assert len(found) == 1, f"{rule.code} {rule.name}: no single module `{rule.name.replace('-', '_')}.py` in a family"
    return found[0]


@cache
def rule_pages() -> tuple[RulePage, ...]:
    paths = ((rule, module_path(rule).with_suffix(".md")) for rule in all_rules())
    return tuple(RulePage(rule, path, read_page(path)) for rule, path in paths if path.exists())
