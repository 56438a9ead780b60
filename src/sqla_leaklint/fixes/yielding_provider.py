"""A provider that returns the session which it opens becomes one that yields it, inside of `with`.

    def get_db() -> Session:                           def get_db() -> Iterator[Session]:
        db = SessionLocal()  # one a request    →          with SessionLocal() as db:  # one a request
        return db                                              yield db

It becomes a generator: whoever calls it by hand would get that, so there is no fix unless all of them are `Depends`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.application.dependents import is_used_otherwise
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.fixes.imports import import_edits, newline_of
from sqla_leaklint.fixes.lines import unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.with_block import Enclosure, enclosure, rendered
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.lifetimes import HeldSession, ReturnedSession
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.syntax.spans import SourceMap

_NAMES = ("session", "db", "db_session", "opened_session")
_RETURN = "return"


def yield_from_provider(returned: ReturnedSession | HeldSession) -> PendingFix | None:
    """The fix, where the function ends with the one `return` that it has and nobody but FastAPI calls it."""
    function, domain = returned.function, returned.domain
    if function is None:
        return None
    returns = [stmt for stmt in statements_within(function.body) if isinstance(stmt, tree.Return)]
    is_async = returned.opening.is_async
    becomes_async = is_async and not function.is_async
    if len(returns) != 1 or not _ends_with(function.body, returns[0]) or (becomes_async and function.decorators):
        return None
    if is_used_otherwise(domain.evaluator, domain.module.summary, returned.summary):
        return None
    block = enclosure(function, returned.stmt, closes=returned.closes)
    leaving = returns[0]

    def render(source: SourceMap) -> Sequence[TextEdit]:
        edits = _body_edits(source, returned, leaving, block)
        if not edits:
            return ()
        start = source.offsets(function)[0]
        asynchronous = (TextEdit(start, start, "async "),) if becomes_async else ()
        annotation = _annotation_edits(source, domain, function, is_async=function.is_async or becomes_async)
        return (*asynchronous, *annotation, *edits)

    message = "yield the session inside of `async with`" if is_async else "yield the session inside of `with`"
    return PendingFix(Applicability.UNSAFE, message, render)


def _ends_with(block: tree.Block, leaving: tree.Return) -> bool:
    """Whether nothing but the end of a `with` or `try` comes after a `return`, on whatever path."""
    match block[-1]:
        case tree.With(body=body) | tree.Try(body=body, orelse=()):
            return _ends_with(body, leaving)
        case last:
            return last is leaving


def _body_edits(
    source: SourceMap, returned: ReturnedSession | HeldSession, leaving: tree.Return, block: Enclosure | None
) -> Sequence[TextEdit]:
    keyword = "async with" if returned.opening.is_async else "with"
    start = source.offsets(leaving)[0]
    word = TextEdit(start, start + len(_RETURN), "yield")
    if returned.with_block is not None:
        return (word,) if any(stmt is leaving for stmt in statements_within(returned.with_block.body)) else ()
    if block is not None:
        return rendered(block, keyword, source, inside=(word,))
    return _from_expression(source, returned, leaving, keyword)


def _from_expression(
    source: SourceMap, returned: ReturnedSession | HeldSession, leaving: tree.Return, keyword: str
) -> Sequence[TextEdit]:
    """`return SessionLocal()` or `return Orders(SessionLocal())`, on lines of its own."""
    function, value, opened = returned.function, leaving.value, returned.node
    if function is None or value is None:
        return ()
    inner = list(walk(value))
    opened = next((each for each in inner if isinstance(each, tree.Await) and each.value is opened), opened)
    if opened not in inner or any(isinstance(each, tree.Lambda | tree.Comprehension) for each in inner):
        return ()
    taken = {node.id for node in walk(function) if isinstance(node, tree.Name)}
    taken.update(each.name for each in function.params)
    name = next((each for each in _NAMES if each not in taken), None)
    source.prepare((leaving, value, opened))
    start, end = source.offsets(leaving)
    before = source.text[start : source.offsets(value)[0]]
    if name is None or source.text[source.line_start(start) : start].strip() or before.strip() != _RETURN:
        return ()
    opening, after = source.offsets(opened)
    indentation = source.indentation(leaving)
    unit = unit_of(source.text, indentation)
    header = f"{keyword} {source.text[opening:after]} as {name}:{newline_of(source)}{indentation}{unit}"
    given = source.text[start + len(before) : opening] + name + source.text[after:end]
    return (TextEdit(start, end, f"{header}yield {given}"),)


# --- the annotation ---


def _annotation_edits(
    source: SourceMap, domain: Domain, function: tree.Function, *, is_async: bool
) -> Iterator[TextEdit]:
    """`-> Session` becomes `-> Iterator[Session]`, or `Generator` where the module has imported that."""
    if function.returns is None:
        return
    start, end = source.offsets(function.returns)
    quoted = source.text[start] in "'\""
    if quoted:
        start, end = start + 1, end - 1
    prefix = "Async" if is_async else ""
    generator, iterator = f"{prefix}Generator", f"{prefix}Iterator"
    if _is_imported(domain, generator) and not _is_imported(domain, iterator):
        rest = ", None" if is_async else ", None, None"
        yield TextEdit(start, start, f"{generator}[")
        yield TextEdit(end, end, f"{rest}]")
        return
    if iterator in domain.module.summary.bindings and not _is_imported(domain, iterator):
        return
    yield TextEdit(start, start, f"{iterator}[")
    yield TextEdit(end, end, "]")
    if not _is_imported(domain, iterator):
        yield from import_edits(source, domain.module.parsed.tree, "collections.abc", iterator)


def _is_imported(domain: Domain, name: str) -> bool:
    term = domain.module.summary.bindings.get(name)
    value = domain.value_of(term) if term is not None else None
    return isinstance(value, Symbol) and value.path in {f"typing.{name}", f"collections.abc.{name}"}
