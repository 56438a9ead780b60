"""What a rule is: its identity, the subjects that it judges, and the drafts that it yields.

A rule is pure: a generator from one subject to drafts.  It asks the domain; it does not walk, read files or keep state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqla_leaklint.diagnostics import Applicability, Group, Location

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.fixes import PendingFix
    from sqla_leaklint.syntax.tree import Node

Anchor: TypeAlias = "Node | Location"
"""A place: a node of the module that is being checked, or a location in another file."""

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Draft:
    """A diagnostic whose places are still nodes; the linter turns nodes into spans once per file."""

    rule: Rule
    anchor: Node
    message: str
    group: Group
    help: str | None = None
    notes: tuple[tuple[Anchor, str], ...] = ()
    fix: PendingFix | None = None

    def with_help(self, text: str) -> Draft:
        return replace(self, help=text)

    def with_note(self, anchor: Anchor | None, message: str) -> Draft:
        """Add a place on the path; a place that is not known adds nothing."""
        return self if anchor is None else replace(self, notes=(*self.notes, (anchor, message)))

    def with_fix(self, fix: PendingFix | None) -> Draft:
        return replace(self, fix=fix)


Check: TypeAlias = Callable[[Any, "Domain"], Iterator[Draft]]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A code, a name, and the checks that were registered for it.

    `fix` lists the applicabilities that the rule's fixes can have (none: the rule has no fix); `since` is the version
    that
    brought the rule; `noisy_outside_app` marks rules that stay silent in tests and migrations unless `--all-files` is
    given.
    """

    code: str
    name: str
    group: Group
    summary: str
    since: str
    fix: tuple[Applicability, ...] = ()
    noisy_outside_app: bool = False
    checks: list[tuple[type, Check]] = field(default_factory=list, repr=False)

    def check(
        self, subject: type[S]
    ) -> Callable[[Callable[[S, Domain], Iterator[Draft]]], Callable[[S, Domain], Iterator[Draft]]]:
        """Register the decorated generator for every subject of that type."""

        def register(function: Callable[[S, Domain], Iterator[Draft]]) -> Callable[[S, Domain], Iterator[Draft]]:
            self.checks.append((subject, function))
            return function

        return register

    def diagnostic(self, anchor: Node, message: str, *, group: Group | None = None) -> Draft:
        """Draft a diagnostic of this rule at a node."""
        return Draft(self, anchor, message, group or self.group)
