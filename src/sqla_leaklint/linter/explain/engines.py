"""Lines that make an engine: its pool, who keeps it or leaves it behind, who comes there, who disposes of it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.engines import EnginePerCall, FactoryPerCall, ForkedEngine, UnboundedPool, UndisposedEngine
from sqla_leaklint.domain.engines.options import options_of
from sqla_leaklint.domain.engines.per_call import SparedEngine
from sqla_leaklint.domain.engines.undisposed import KeptEngine
from sqla_leaklint.domain.lifetimes.library_openings import makes_engine, opens_engine
from sqla_leaklint.domain.lifetimes.opening import opening
from sqla_leaklint.domain.lifetimes.resources import ENGINE
from sqla_leaklint.domain.subjects import Excused
from sqla_leaklint.domain.values import Symbol, Unknown, Value
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import keeper_told, way_told
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

_OF_POOL = ("poolclass", "pool", "pool_size", "max_overflow", "pool_recycle", "pool_timeout", "pool_pre_ping")
"""Options that decide how many connections there are, and for how long."""


def explain_engines(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What becomes of each engine that is made on the line."""
    for body in domain.bodies:
        for event in body.events:
            if event.deed is Deed.CALLED and event.node in line.nodes and _is_engine(domain, event):
                yield _explain(domain, event, places)
    for forked in domain.subjects(ForkedEngine):
        if forked.node in line.nodes:
            told = Paragraph(f"{places.heading(forked.node)} starts a process that shares the engine `{forked.name}`")
            told.add("used before", columns([(places.at(forked.used), places.heading(forked.used))]))
            told.add("used there", f"by `{forked.child.qualname}` ({places.of(forked.child)})")
            told.add("so", "both go on with the same connections (LKS505)")
            yield told
    for factory in FactoryPerCall.weighed(domain):
        if factory.node in line.nodes:
            told = Paragraph(f"{places.heading(factory.node)} makes what sessions come from, in a function")
            if isinstance(factory, Excused):
                told.add("so", f"silence: {factory.excuse.value}")
            else:
                told.add("reached", way_told(domain, factory.way, places))
                told.add("so", "it is made anew each time, used and dropped (LKS503)")
            yield told


def _is_engine(domain: Domain, event: Event) -> bool:
    callee = domain.value_of(event.call.func)
    if isinstance(callee, Symbol):
        return makes_engine(domain.evaluator, callee.path)
    return opening(domain.evaluator, event.call, domain.frame, ENGINE) is not None


def _explain(domain: Domain, event: Event, places: Places) -> Paragraph:
    node = event.call_node
    told = Paragraph(f"{places.heading(node)} makes an engine: {described(domain.value(node))}")
    told.about = (node, *walk(node.func))
    told.add("made by", columns(chain(places, event.call, domain.module.summary)))
    told.add("pool", _pool(domain, event.call))
    told.add("not known", columns(_not_known(domain, event.call)))
    if _keeps_nothing(domain, event.call):
        told.add("so", "silence: its pool is not known to keep connections (SQLite's is not asked about)")
        return told
    made = next((each for each in EnginePerCall.weighed(domain) if each.node is node), None)
    kept = next((each for each in UndisposedEngine.weighed(domain) if each.node is node), None)
    match made:
        case SparedEngine(kept_by=use) if use is not None and isinstance(use.act, Event):
            told.add("kept", columns([(places.at(use.act.node), places.quoted(use.act.node), use.doing.value)]))
        case EnginePerCall():
            told.add("reached", way_told(domain, made.way, places))
        case _:
            pass
    if kept is not None:
        told.add("kept by", keeper_told(kept.kept))
    told.add("so", list(_verdicts(domain, node, made, kept)) or "silence: it is made once, when the module is imported")
    return told


def _is_of_library(domain: Domain, call: t.Call) -> bool:
    return isinstance(domain.value_of(call.func), Symbol)


def _options(domain: Domain, call: t.Call) -> dict[str, Value]:
    """What a call of the library's is given; what the project's own functions do with theirs is another matter."""
    return options_of(domain.evaluator, call, domain.frame) if _is_of_library(domain, call) else {}


def _keeps_nothing(domain: Domain, call: t.Call) -> bool:
    callee = domain.value_of(call.func)
    return isinstance(callee, Symbol) and not opens_engine(domain.evaluator, callee, call, domain.frame)


def _pool(domain: Domain, call: t.Call) -> Iterator[str]:
    options = _options(domain, call)
    for name in _OF_POOL:
        value = options.get(name)
        if value is not None and not isinstance(value, Unknown):
            yield f"{name}={described(value)}"


def _not_known(domain: Domain, call: t.Call) -> Iterator[tuple[str, str]]:
    options = _options(domain, call)
    for name in _OF_POOL:
        value = options.get(name)
        if isinstance(value, Unknown):
            yield f"{name}=", value.reason
    if any(isinstance(each, t.Star) for each in call.args) and _is_of_library(domain, call):
        yield "the pool", "what is unpacked among the arguments may name another"


def _verdicts(
    domain: Domain,
    node: tree.Call,
    made: EnginePerCall | SparedEngine | None,
    kept: UndisposedEngine | KeptEngine | None,
) -> Iterator[str]:
    inside = set(walk(node))
    for pool in domain.subjects(UnboundedPool):
        if pool.node in inside:
            yield f"its pool has no limit: {pool.option}={pool.value} (LKS504)"
    match made:
        case EnginePerCall():
            yield "it is left behind, with the connections of its pool (LKS501)"
        case SparedEngine():
            yield f"silence: {made.excuse.value}"
        case _:
            pass
    match kept:
        case UndisposedEngine():
            yield "nobody disposes of it when the application ends (LKS505)"
        case KeptEngine():
            yield f"silence about its end: {kept.excuse.value}"
        case _:
            pass
