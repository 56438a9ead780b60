"""`leaklint rule`: the pages of the rules."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sqla_leaklint.linter.selection import find_rule, nearest
from sqla_leaklint.rules.pages import page_of
from sqla_leaklint.rules.registry import all_rules


def pages(word: str | None) -> Iterator[str]:
    """The page of the rule with that code or name, or (None) those of all rules, in the order of their codes."""
    if word is None:
        yield from (page_of(rule.name) for rule in all_rules())
        return
    rule = find_rule(word, all_rules())
    if rule is None:
        raise click.UsageError(f"there is no rule `{word}`{nearest(word, all_rules())}")
    yield page_of(rule.name)
