"""Any other expression: what it is, who owns it, through which names it was found, or what was not known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.lifetimes import Acquisition
from sqla_leaklint.domain.lifetimes.describe import described_acquisition
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Clause,
    Generator,
    Instance,
    Literal,
    Manager,
    Many,
    ModelAttribute,
    ModuleValue,
    Origin,
    ProjectClass,
    ProjectInstance,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import add_exit, explain_no_acquisition, is_session, owner_of
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

MOST_CALLERS = 5
"""Callers whose arguments are shown."""


def is_telling(domain: Domain, expr: tree.Expr) -> bool:
    """Whether there is more to say of an expression than its name does: a constant, a class, a column does not."""
    if isinstance(expr, tree.Name) and expr.id in {"self", "cls"}:
        return False
    value = domain.value(expr)
    if isinstance(value, Symbol) and not isinstance(expr, tree.Call):
        return domain.evaluator.knowledge.canonical(value.path) is None and not value.path.startswith("builtins.")
    return not isinstance(value, Literal | ModuleValue | ModelAttribute | Clause | ProjectClass)


def explain_value(domain: Domain, expr: tree.Expr, places: Places) -> Paragraph:
    """What an expression is."""
    term = domain.term(expr)
    if term is None:
        told = Paragraph(f"{places.quoted(expr)}: not known")
        told.add("not known", "this part of the text is never reached, or is not followed (an annotation, a string)")
        return told
    return explain_term(domain, term, places.quoted(expr), places)


def explain_term(domain: Domain, term: t.Term, name: str, places: Places) -> Paragraph:
    """What a term is, under the name by which the reader knows it."""
    value = domain.value_of(term)
    told = Paragraph(f"{name}: {'not known' if isinstance(value, Unknown) else described(value)}")
    told.add("found by", columns(chain(places, term, domain.module.summary)))
    if isinstance(term, t.Param):
        told.add("passed", columns(dict.fromkeys(islice(_passed(domain, term, places), MOST_CALLERS))))
    opened = _opened(domain, term)
    if opened is not None:
        told.add("opened", f"at {places.at(opened.node)} by {places.heading(opened.node)}; ask there for more")
        told.add("fate", described_acquisition(opened))
    else:
        told.add("owner", list(dict.fromkeys(_owners(domain, term, value, places))))
        for each in alternatives(value):
            if isinstance(each, Instance | ProjectInstance) and each.origin is Origin.PROVIDED:
                if is_session(domain, each):
                    add_exit(told, domain, each, places)
                break
    told.add("not known", reasons(domain, value))
    return told


def _passed(domain: Domain, term: t.Param, places: Places) -> Iterator[tuple[str, str]]:
    """What the callers of a function pass for a parameter."""
    module = domain.module.summary
    function = module.functions.get(term.function)
    if function is None or (function.owner is not None and function.parameters[0].name == term.name):
        return
    for call in callers(domain.evaluator, module, function):
        argument = call.arguments.get(term.name)
        if argument is not None:
            holder = f"`{call.function.qualname}`" if call.function is not None else "the body of a module"
            qualname = call.function.qualname if call.function is not None else ""
            what = described(domain.evaluator.of(argument, domain.evaluator.frame(call.module)))
            yield f"by {holder} ({places.definition(call.module.path, qualname)})", what


def _opened(domain: Domain, term: t.Term) -> Acquisition | None:
    roots = set(roots_of(term))
    return next((each for each in domain.subjects(Acquisition) if each.event.value in roots), None)


def _owners(domain: Domain, term: t.Term, value: Value, places: Places) -> Iterator[str]:
    for each in alternatives(unwrapped(value)):
        if not isinstance(each, Instance | ProjectInstance) or not is_session(domain, each):
            continue
        if each.origin is Origin.FRESH:
            events = [domain.event_of(root) for root in roots_of(term)]
            for event in events:
                if event is not None:
                    yield f"nobody is asked to close it here: {explain_no_acquisition(domain, event)}"
        else:
            holder = f"`{term.function}`" if isinstance(term, t.Param) else "the function"
            yield owner_of(each, holder, places)


def reasons(domain: Domain, value: Value) -> Iterator[str]:
    """What was not known of a value, each once."""
    yield from dict.fromkeys(_reasons(domain, value))


def _reasons(domain: Domain, value: Value) -> Iterator[str]:
    for each in alternatives(unwrapped(value)):
        match each:
            case Manager() | Awaitable():
                yield from _reasons(domain, each.value)
            case Generator() | Many():
                yield from _reasons(domain, each.element)
            case Unknown():
                yield each.reason if each.reason != "unknown" else "the tables do not say what it is"
            case BoundMethod(receiver=Unknown() as receiver):
                yield receiver.reason
            case Symbol() if domain.evaluator.knowledge.canonical(each.path) is None:
                yield "what it does and returns: it is a library's, and in no table (settings can add it)"
            case _:
                pass
