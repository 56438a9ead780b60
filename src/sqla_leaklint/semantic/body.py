"""A body of code that has been executed symbolically: what it binds, what it does, what stands above it."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import TypeAlias

from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.scope import Names
from sqla_leaklint.semantic.terms import ClassRef, Param, Pool, Term
from sqla_leaklint.syntax import tree

Environment: TypeAlias = dict[str, Term]
"""What each local name is, at one point of a body."""

BUILTINS = frozenset(dir(builtins))


@dataclass(slots=True, eq=False)
class Body:
    """A body of code that has been executed symbolically: a module, class, function or lambda."""

    qualname: str
    node: tree.Module | tree.Class | tree.Function | tree.Lambda
    parent: Body | None
    names: Names
    events: list[Event] = field(default_factory=list)
    bindings: dict[str, Term] = field(default_factory=dict)
    """Every name that the body binds itself: the join of all that is ever assigned to it."""
    decorators: tuple[Term, ...] = ()
    annotations: dict[str, Term] = field(default_factory=dict)
    """Parameters' and the return value's ("return") annotations, class attributes' too."""
    defaults: dict[str, Term] = field(default_factory=dict)
    bases: tuple[Term, ...] = ()
    keywords: tuple[tuple[str, Term], ...] = ()
    awaits: bool = False
    yields: bool = False

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, tree.Function | tree.Lambda)

    @property
    def local_names(self) -> frozenset[str]:
        """What the body and those round it bind, but for the module's: names that mean something else outside."""
        if self.parent is None:
            return frozenset()
        return self.names.bound | self.parent.local_names

    def event_of(self, call: Term) -> Event | None:
        """The event of a call that the body makes."""
        return next((event for event in self.events if event.deed is Deed.CALLED and event.value is call), None)


def super_arguments(body: Body, pool: Pool) -> tuple[Term, ...]:
    """What `super()` without arguments stands for in a body: the class whose method encloses it, and that method's
    first parameter; nothing where there is no such method.
    """
    inner: Body | None = body
    while inner is not None:
        owner, node = inner.parent, inner.node
        if owner is not None and isinstance(owner.node, tree.Class) and isinstance(node, tree.Function):
            if not node.params:
                return ()
            return pool.make(ClassRef, owner.qualname), pool.make(Param, inner.qualname, node.params[0].name)
        inner = owner
    return ()
