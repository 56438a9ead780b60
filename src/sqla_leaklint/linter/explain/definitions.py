"""Lines that define or import: functions, their parameters, names, and what `with` binds."""

from __future__ import annotations

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.endpoints import is_provider
from sqla_leaklint.domain.application.entries import entry_of
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.values import (
    Instance,
    Manager,
    ManagerFactory,
    ProjectFunction,
    ProjectInstance,
    Unknown,
    alternatives,
)
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import is_session
from sqla_leaklint.linter.explain.values import explain_term, reasons
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

MOST_CALLERS = 5
"""Callers that are listed."""


def explain_function(domain: Domain, node: tree.Function, places: Places) -> Paragraph:
    """Who calls a function, and what it gives."""
    qualname = domain.body_of[node].qualname
    module = domain.module.summary
    summary = module.functions[qualname]
    told = Paragraph(f"`{qualname}`: a function")
    for term in dict.fromkeys(summary.yields):
        told.add("yields", described(domain.value_of(term)))
    for term in dict.fromkeys(summary.returns):
        if not (isinstance(term, t.Const) and term.value is None):
            told.add("returns", described(domain.value_of(term)))
    entry = entry_of(domain.evaluator, module, summary)
    if entry is not None:
        told.add("called", entry.value)
    elif is_provider(domain.evaluator, module, summary):
        told.add("called", "by FastAPI, for every request that depends on it")
    found = dict.fromkeys(
        (f"`{call.function.qualname}`", places.definition(call.module.path, call.function.qualname))
        if call.function is not None
        else ("the body of a module", places.shown(call.module.path))
        for call in callers(domain.evaluator, module, summary)
    )
    told.add("callers", columns(list(found)[:MOST_CALLERS]))
    if len(found) > MOST_CALLERS:
        told.add("", f"and {len(found) - MOST_CALLERS} more")
    if not found and entry is None:
        told.add("not known", "any call of it in this project, tests excepted")
    return told


def explain_parameter(domain: Domain, node: tree.Parameter, places: Places) -> Paragraph | None:
    """What a parameter is, and where it comes from; None for one of a lambda."""
    for body in domain.bodies:
        if isinstance(body.node, tree.Function) and any(parameter is node for parameter in body.node.params):
            term = t.Param(body.qualname, node.name)
            return explain_term(domain, term, f"the parameter `{node.name}`", places)
    return None


def explain_import(domain: Domain, node: tree.ImportedName, places: Places) -> Paragraph | None:
    """What an imported name is; None where the import binds no name that could be asked for."""
    name = node.alias or node.name.partition(".")[0]
    term = domain.module.summary.bindings.get(name)
    return explain_term(domain, term, f"`{name}`", places) if term is not None else None


def explain_with(domain: Domain, node: tree.With, item: tree.WithItem, places: Places) -> Paragraph | None:
    """What a `with` block opens and gives back; None when it has nothing to do with sessions and is known."""
    given = unwrapped(domain.value(item.context))
    value = domain.evaluator.entered(given, is_async=node.is_async)
    if any(isinstance(each, Unknown) for each in alternatives(value)):
        told = Paragraph(f"{places.quoted(item.context)} is entered by `with`; what that gives is not known")
        told.add("not known", reasons(domain, value))
        told.add("found by", columns(_links(domain, item, places)))
        return told
    if not is_session(domain, value) or not all(
        isinstance(each, Instance | ProjectInstance) for each in alternatives(value)
    ):
        return None
    told = Paragraph(f"{places.quoted(item.context)} gives a session to its `with` block: {described(value)}")
    told.add("made by", columns(_links(domain, item, places)))
    told.add("owner", "the `with` block")
    told.add(
        "ends", f"at line {places.last_line_of(node)}, when the block is left, {_how_surely(domain, item, places)}"
    )
    return told


def _how_surely(domain: Domain, item: tree.WithItem, places: Places) -> str:
    """Whether the block itself closes the session, or a context manager of the project has to see to it."""
    for given in alternatives(unwrapped(domain.value(item.context))):
        match given:
            case ProjectInstance(cls=cls):
                found = domain.evaluator.classes.find(cls, "__exit__", on_instance=False)
                found = found or domain.evaluator.classes.find(cls, "__aexit__", on_instance=False)
                if found is not None:
                    return f"if the `__exit__` of `{found[0].qualname}` ({places.of(found[0])}) sees to it"
            case Manager():
                function = _generator(domain, item.context)
                if function is not None:
                    return (
                        f"if `{function.qualname}` ({places.of(function)}) sees to it: ask where it opens the session"
                    )
            case _:
                pass
    return "whatever happens in it"


def _generator(domain: Domain, expr: tree.Expr) -> ProjectFunction | None:
    """The generator function of the project that a context manager was made of."""
    term = domain.term(expr)
    for value in alternatives(domain.value_of(term.func)) if isinstance(term, t.Call) else ():
        function = value.function if isinstance(value, ManagerFactory) else value
        if isinstance(function, ProjectFunction):
            return function
    return None


def _links(domain: Domain, item: tree.WithItem, places: Places) -> list[tuple[str, str, str]]:
    return chain(places, domain.term(item.context), domain.module.summary)
