"""Every call of a function of the project, where all are known and nobody has the function for anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import users
from sqla_leaklint.domain.application.endpoints import is_handler
from sqla_leaklint.domain.lifetimes.returned import is_undecorated
from sqla_leaklint.domain.rows.other_modules import domain_of
from sqla_leaklint.domain.values import ProjectFunction, Unknown, alternatives
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_MOST = 8
"""Calls that are looked at; of what is called everywhere, some call is sure to do something else."""


def every_call(domain: Domain, body: Body) -> list[tuple[Domain, Body, tree.Call]] | None:
    """The calls of a function outside of tests, with the body that each stands in; None when there may be others, or
    something stands between the function and who calls it (a decorator, a framework).
    """
    evaluator, module = domain.evaluator, domain.module.summary
    function = module.functions.get(body.qualname)
    if function is None or function.is_generator or function.scope is not None or "<" in function.qualname:
        return None
    if not is_undecorated(domain, function) or is_handler(evaluator, module, function):
        return None
    wanted = (module.path, function.qualname)
    found: list[tuple[Domain, Body, tree.Call]] = []
    for user in users(evaluator, module, function.name):
        other = domain_of(domain, user.path)
        if other is None:
            return None
        bodies = {event.node: each for each in other.bodies for event in each.events if event.deed is Deed.CALLED}
        for node, call in _named(other, function.name):
            caller = bodies.get(call) if call is not None else None
            values = alternatives(other.value(node))
            if any(isinstance(each, ProjectFunction) and (each.path, each.qualname) == wanted for each in values):
                if call is None or caller is None or not caller.is_function:
                    return None
                found.append((other, caller, call))
            elif any(isinstance(each, Unknown) for each in values):
                return None
        if len(found) > _MOST:
            return None
    return found or None


def _named(domain: Domain, name: str) -> Iterator[tuple[tree.Expr, tree.Call | None]]:
    """Where a module names something of that name, and the call where it calls it there."""
    called: dict[tree.Expr, tree.Call] = {}
    for node in walk(domain.module.parsed.tree):
        match node:
            case tree.Call():
                called[node.func] = node
            case tree.Name(id=each) | tree.Attribute(attr=each) if each == name:
                yield node, called.get(node)
            case _:
                pass
