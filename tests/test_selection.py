"""Selectors: groups, codes, their beginnings, names, and what wins over what."""

from __future__ import annotations

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Group
from sqla_leaklint.linter.selection import selection, unknown_selectors
from sqla_leaklint.rules.base import Rule


def rule(code: str, name: str, group: Group) -> Rule:
    return Rule(code=code, name=name, group=group, summary="x", since="0.1.0")


RULES = (
    rule("LKS101", "first", Group.LEAK),
    rule("LKS102", "second", Group.STRICT),
    rule("LKS201", "third", Group.WASTE),
)


def chosen(**settings: tuple[str, ...]) -> list[str]:
    found = selection(Settings(**settings), RULES)
    return [
        f"{code} {group.value}"
        for code in ("LKS101", "LKS102", "LKS201")
        for group in Group
        if found.includes(code, group)
    ]


def test_by_default_leak_and_waste_are_on() -> None:
    assert chosen() == ["LKS101 leak", "LKS101 waste", "LKS201 waste"]


def test_a_strict_rule_does_not_run_by_default_and_a_milder_diagnostic_is_not_reported() -> None:
    found = selection(Settings(), RULES)
    assert [one.code for one in found.rules] == ["LKS101", "LKS201"]
    assert not found.includes("LKS201", Group.STRICT)


@pytest.mark.parametrize("selector", ["LKS201", "third", "LKS2", "lks2", "LKS20"])
def test_a_rule_is_selected_with_all_its_groups(selector: str) -> None:
    assert chosen(select=(selector,)) == ["LKS201 waste", "LKS201 strict"]


def test_the_prefix_of_all_codes_turns_everything_on() -> None:
    assert len(chosen(select=("LKS",))) == 6


def test_a_group_takes_the_diagnostics_of_that_group_from_every_rule() -> None:
    assert chosen(select=("strict",)) == ["LKS101 strict", "LKS102 strict", "LKS201 strict"]


def test_extending_adds_to_the_default_groups() -> None:
    assert chosen(extend_select=("second",)) == ["LKS101 leak", "LKS101 waste", "LKS102 strict", "LKS201 waste"]


def test_ignore_wins_over_select() -> None:
    assert chosen(select=("LKS",), ignore=("LKS1", "strict")) == ["LKS201 waste"]
    assert chosen(select=("LKS101",), ignore=("first",)) == []


def test_what_is_named_exactly_wins_over_what_is_ignored_by_its_beginning() -> None:
    assert chosen(select=("LKS101",), ignore=("LKS1",)) == ["LKS101 leak", "LKS101 waste", "LKS101 strict"]


def test_nothing_selected_is_nothing() -> None:
    assert chosen(select=()) == []


@pytest.mark.parametrize("selector", ["", "L", "LK", "LKS9", "E501", "frist", "leaks"])
def test_unknown_selectors_are_told(selector: str) -> None:
    (message,) = unknown_selectors(Settings(select=(selector,)), RULES)
    assert message.startswith(f"`{selector}` names no rule, group or beginning of a code")
    assert chosen(select=(selector,)) == []


def test_the_likely_meaning_is_told() -> None:
    assert "did you mean `first`?" in next(unknown_selectors(Settings(ignore=("frist",)), RULES))
    assert "did you mean `leak`?" in next(unknown_selectors(Settings(ignore=("leaks",)), RULES))
