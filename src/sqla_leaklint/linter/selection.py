"""Which rules run, and which of their diagnostics count: selectors made into a choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TypeAlias

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Group
from sqla_leaklint.rules.base import Rule

PREFIX = "LKS"
DEFAULT_GROUPS = (Group.LEAK, Group.WASTE)
_SEVERITY = {Group.LEAK: 2, Group.WASTE: 1, Group.STRICT: 0}

Choice: TypeAlias = "tuple[str, Group]"
"""A rule's code and the group of a diagnostic: some of a rule's diagnostics may be in a milder group than its own."""


class UnknownSelectorError(ValueError):
    """A selector that names no rule, no group and no beginning of a code."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules to run, by code, and the choices that are reported."""

    rules: tuple[Rule, ...]
    choices: frozenset[Choice]

    def includes(self, code: str, group: Group) -> bool:
        return (code, group) in self.choices


@lru_cache(maxsize=64)
def selection(settings: Settings, rules: tuple[Rule, ...]) -> Selection:
    """What the settings choose among the rules that exist; selectors that mean nothing choose nothing.

    What is named exactly, by code or name, wins over what is named by prefix or group; between equals `ignore` wins.
    """
    selectors: Sequence[str] = [group.value for group in DEFAULT_GROUPS] if settings.select is None else settings.select
    broad, exact = _chosen((*selectors, *settings.extend_select), rules)
    ignored_broad, ignored_exact = _chosen(settings.ignore, rules)
    choices = frozenset((broad - ignored_broad | exact) - ignored_exact)
    codes = {code for code, _ in choices}
    return Selection(tuple(rule for rule in rules if rule.code in codes), choices)


def unknown_selectors(settings: Settings, rules: Iterable[Rule]) -> Iterator[str]:
    """Messages about selectors that name nothing, with what was probably meant."""
    known = tuple(rules)
    for selector in (*(settings.select or ()), *settings.extend_select, *settings.ignore):
        try:
            _resolve(selector, known)
        except UnknownSelectorError as error:
            yield str(error)


def find_rule(word: str, rules: Iterable[Rule]) -> Rule | None:
    """The rule of that code or name."""
    return next((rule for rule in rules if word.upper() == rule.code or word.lower() == rule.name), None)


def nearest(word: str, rules: Sequence[Rule]) -> str:
    """What to add to a message about a word: " (did you mean `…`?)", or nothing when it is like no other."""
    names = [*(group.value for group in Group), *(rule.name for rule in rules)]
    codes = [rule.code for rule in rules]
    near = get_close_matches(word.lower(), names, n=1) or get_close_matches(word.upper(), codes, n=1, cutoff=0.8)
    return f" (did you mean `{near[0]}`?)" if near else ""


def _chosen(selectors: Iterable[str], rules: tuple[Rule, ...]) -> tuple[set[Choice], set[Choice]]:
    """The choices that are named by prefix or group, and those that are named exactly."""
    broad: set[Choice] = set()
    exact: set[Choice] = set()
    for selector in selectors:
        try:
            is_exact, choices = _resolve(selector, rules)
        except UnknownSelectorError:
            continue
        (exact if is_exact else broad).update(choices)
    return broad, exact


def _resolve(selector: str, rules: tuple[Rule, ...]) -> tuple[bool, set[Choice]]:
    word = selector.strip()
    rule = find_rule(word, rules)
    if rule is not None:
        return True, {(rule.code, group) for group in _groups(rule)}
    named = next((group for group in Group if group.value == word.lower()), None)
    if named is not None:
        return False, {(rule.code, named) for rule in rules if named in _groups(rule)}
    matching = [rule for rule in rules if rule.code.startswith(word.upper())]
    if not word.upper().startswith(PREFIX) or not matching:
        raise UnknownSelectorError(f"`{selector}` names no rule, group or beginning of a code{nearest(word, rules)}")
    return False, {(rule.code, group) for rule in matching for group in _groups(rule)}


def _groups(rule: Rule) -> Iterator[Group]:
    """The groups that a rule's diagnostics can have: its own and the milder ones."""
    return (group for group in Group if _SEVERITY[group] <= _SEVERITY[rule.group])
