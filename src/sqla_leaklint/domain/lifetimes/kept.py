"""What the process keeps: the calls whose value a module, a class, the application or a memoised function holds on to.

Such are the calls in `session = SessionLocal()` of a module, or of the body of a class (all its instances share it), in
`app.state.db = SessionLocal()`, in the default of `def list_orders(db=SessionLocal())`, which is evaluated once, when
the function is defined, and in what a function below `@cache` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.state import is_application_state
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.linking.decorators import is_class_method, is_memoised
from sqla_leaklint.domain.values import ProjectClass, alternatives
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Keeper(Enum):
    """What keeps a value for as long as the process lives."""

    MODULE = "module"
    CLASS = "class"
    STATE = "application"
    DEFAULT = "default"
    MEMO = "memoised function"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A call whose value is kept, under which name, and of which class or function.

    `storing` is the function that stores it there when it runs; None where the module does, when it is imported.
    """

    call: t.Call
    keeper: Keeper
    name: str
    owner: str = ""
    storing: Body | None = None


def kept_calls(domain: Domain) -> Iterator[Kept]:
    """The calls of a module whose value the process keeps, with a callee that is none of Python's own."""
    for body in domain.bodies:
        for kept in _kept_by(domain, body):
            func = kept.call.func
            if not (isinstance(func, t.Ref) and func.path.startswith("builtins.") and func.path not in _TAKING):
                yield kept


_TAKING = frozenset({"builtins.next", "builtins.anext"})


def _kept_by(domain: Domain, body: Body) -> Iterator[Kept]:
    match body.node:
        case tree.Module():
            storing = {call: function for function, call in _stored_globally(domain)}
            of_script = set(_names_of_script(body.node))
            for name, term in body.bindings.items():
                for root in roots_of(term) if name not in of_script else ():
                    yield Kept(root, Keeper.MODULE, name, storing=storing.get(root))
        case tree.Class() if body.parent is not None and not body.parent.is_function:
            for name, term in body.bindings.items():
                for root in roots_of(term):
                    yield Kept(root, Keeper.CLASS, name, body.qualname)
        case tree.Function():
            yield from _kept_by_function(domain, body)
        case _:
            pass


def main_guards(module: tree.Module) -> Iterator[tree.If]:
    """`if __name__ == "__main__"` of a module: what stands there is run only when the module is a script."""
    for stmt in module.body:
        if isinstance(stmt, tree.If) and any(
            isinstance(node, tree.Name) and node.id == "__name__" for node in walk(stmt.test)
        ):
            yield stmt


def _names_of_script(module: tree.Module) -> Iterator[str]:
    for guard in main_guards(module):
        for stmt in statements_within(guard.body):
            for target in stmt.targets if isinstance(stmt, tree.Assign) else ():
                if isinstance(target, tree.Name):
                    yield target.id


def _stored_globally(domain: Domain) -> Iterator[tuple[Body, t.Call]]:
    for body in domain.bodies:
        for event in body.events if body.is_function else ():
            if event.deed is Deed.STORED_GLOBAL:
                for root in roots_of(event.value):
                    yield body, root


def _kept_by_function(domain: Domain, body: Body) -> Iterator[Kept]:
    for name, term in body.defaults.items():
        for root in roots_of(term):
            yield Kept(root, Keeper.DEFAULT, name, body.qualname)
    memoised: bool | None = None
    for event in body.events:
        if event.deed is Deed.RETURNED and body.decorators:
            roots = list(roots_of(event.value))
            if roots and memoised is None:
                memoised = is_memoised(domain.evaluator, body.decorators, domain.frame)
            if memoised:
                for root in roots:
                    yield Kept(root, Keeper.MEMO, body.qualname.rpartition(".")[2], body.qualname)
        elif event.deed is Deed.STORED_ATTRIBUTE:
            roots = list(roots_of(event.value))
            keeper = keeper_of(domain, event) if roots else None
            if keeper is not None:
                for root in roots:
                    yield Kept(root, keeper[0], str(event.key), keeper[1], body)


def keeper_of(domain: Domain, event: Event) -> tuple[Keeper, str] | None:
    """What keeps an attribute that a function sets: the application's state, or a class of this module."""
    base = event.base
    if isinstance(base, t.Param):
        summary = domain.module.summary.functions.get(base.function)
        is_class = (
            summary is not None
            and summary.owner is not None
            and summary.parameters[0].name == base.name
            and (summary.name == "__new__" or is_class_method(domain.evaluator, summary, domain.frame))
        )
        return (Keeper.CLASS, summary.owner) if is_class and summary is not None and summary.owner else None
    if base is not None and is_application_state(domain.evaluator, base, domain.frame):
        return Keeper.STATE, ""
    if isinstance(base, t.Ref | t.ClassRef):
        for value in alternatives(domain.value_of(base)):
            if isinstance(value, ProjectClass) and value.path == domain.module.path:
                return Keeper.CLASS, value.qualname
    return None
