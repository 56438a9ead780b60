"""Counting in the database what is loaded to be counted.

    len(query.all())                      →  query.count()
    len(session.scalars(query).all())     →  session.scalars(select(func.count()).select_from(query.subquery())).one()

A subquery counts what the statement brings, whatever it is made of.  Rows that have a name give it up for one that
says what it is now: `users = query.all()` … `len(users)` becomes `users_count = query.count()` … `users_count`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.asking import Answer, Asking
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.values import ResultValue
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.limiting import place_of_statement
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import can_be_extended
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_RESULT_STEPS = frozenset({"scalars", "mappings", "unique", "tuples"})
_SUBTLE = (Role.LOADS, Role.DISTINCT, Role.GROUPS, Role.JOINS, Role.COMBINES, Role.SOURCES, Role.PROJECTS, Role.STREAMS)
_SELECTS = {"exec": "sqlmodel", "": "sqlalchemy"}


def count_rows(asking: Asking) -> PendingFix | None:
    """Let the database count; None where that may give another number, or cannot be written."""
    load = asking.load
    place = place_of_statement(load)
    if place is None or not can_be_extended(place) or asking.repeats_entities or not _may_be_named(load):
        return None
    if any(other is not load and place_of_statement(other) is place for other in load.domain.subjects(Load)):
        return None
    replaced = _Counted(load, place)
    if replaced.tail is None:
        return None
    renamed = None if asking.is_inline else _Renamed.of(asking)
    if renamed is None and not asking.is_inline:
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return tuple(_edits(source))

    def _edits(source: SourceMap) -> Iterator[TextEdit]:
        counted = tuple(replaced.edits(source, load.node if renamed is not None else asking.answers[0].node))
        if not counted:
            return
        yield from counted
        if renamed is not None:
            yield TextEdit(*source.offsets(renamed.target), renamed.name)
            for node in renamed.uses:
                yield TextEdit(*source.offsets(node), renamed.name)
        if not load.is_legacy:
            path = _SELECTS.get(replaced.method, "sqlalchemy")
            missing = [name for name in ("func", "select") if name not in load.domain.module.summary.bindings]
            if missing:
                yield from import_edits(source, load.domain.module.parsed.tree, path, ", ".join(missing))

    is_plain = renamed is None and not load.has_step(*_SUBTLE) and load.model is not None
    return PendingFix(Applicability.SAFE if is_plain else Applicability.UNSAFE, "count in the database", render)


def _may_be_named(load: Load) -> bool:
    """Whether `select` and `func` are SQLAlchemy's in this module, or free."""
    if load.is_legacy:
        return True
    bound = load.domain.module.summary.bindings
    owners = ("sqlmodel",) if _executing_method(load) == "exec" else ("sqlalchemy", "sqlmodel")
    select = getattr(bound.get("select"), "path", "" if "select" in bound else f"{owners[0]}.select")
    function = getattr(bound.get("func"), "path", "" if "func" in bound else "sqlalchemy.func")
    is_shadowed = isinstance(load.body.node, tree.Function) and any(
        parameter.name in {"select", "func"} for parameter in load.body.node.params
    )
    return select.startswith(owners) and select.endswith(".select") and function.endswith(".func") and not is_shadowed


def _executing_method(load: Load) -> str:
    executed = load.executed
    parent = function_text(load.domain, load.body).parents.get(executed) if executed is not None else None
    call = function_text(load.domain, load.body).parents.get(parent) if parent is not None else None
    return call.func.attr if isinstance(call, tree.Call) and isinstance(call.func, tree.Attribute) else ""


class _Counted:
    """The text of a load, with the statement counted: `holder` is the query, or the result from which rows are taken.

    `tail` is what takes the number from the holder; None when the holder is used elsewhere, too.
    """

    def __init__(self, load: Load, place: tree.Expr) -> None:
        self._load = load
        self._place = place
        self.method = "" if load.is_legacy else _executing_method(load)
        self.holder = place if load.is_legacy else _result(load)
        self.tail = ".count()" if load.is_legacy else self._taken()

    def _taken(self) -> str | None:
        if self.holder is None or not isinstance(unwrapped(self._load.domain.value(self.holder)), ResultValue):
            return None  # a method of the project's
        if isinstance(self.holder, tree.Name):
            terms = self._load.domain.module.executor.terms
            term = terms.get(self.holder)
            text = function_text(self._load.domain, self._load.body)
            names = [expr for expr in text.expressions if isinstance(expr, tree.Name) and terms.get(expr) is term]
            if term is None or isinstance(term, t.Join) or len(names) != 2:
                return None
        elif not isinstance(self.holder, tree.Call | tree.Await):
            return None
        return ".one()" if self.method in {"exec", "scalars"} else ".scalar_one()"

    def edits(self, source: SourceMap, replaced: tree.Node) -> Iterator[TextEdit]:
        """Replace an expression that holds the load by the number; none when a comment is in the way."""
        assert self.holder is not None
        start, end = source.offsets(self.holder)
        outer_start, outer_end = source.offsets(replaced)
        text = source.text[start:end]
        if any(outer_start <= at < outer_end and not start <= at < end for at, _ in source.comments()):
            return
        if not self._load.is_legacy:
            first, last = source.offsets(self._place)
            counted = f"select(func.count()).select_from({source.text[first:last]}.subquery())"
            if start <= first and last <= end:
                text = f"{text[: first - start]}{counted}{text[last - start :]}"
            else:
                yield TextEdit(first, last, counted)
        if _is_open(text):
            yield from self._in_lines(source, replaced, (outer_start, outer_end), (start, end))
            return
        if isinstance(self.holder, tree.Await):
            text = f"({text})"
        yield TextEdit(outer_start, outer_end, f"{text}{self.tail}")

    def _in_lines(
        self, source: SourceMap, replaced: tree.Node, outer: tuple[int, int], holder: tuple[int, int]
    ) -> Iterator[TextEdit]:
        """A query whose steps stand on lines of their own: `len(` becomes `(`, `.all()` becomes `.count()`."""
        node = self._load.node
        if not self._load.is_legacy or not isinstance(node, tree.Call) or self._load.rows.consumer.name != "all":
            return
        dot = source.text.find(".", holder[1])
        yield TextEdit(dot, source.offsets(node)[1], ".count()")
        if isinstance(replaced, tree.Call) and replaced is not node:
            yield TextEdit(outer[0], source.offsets(replaced.func)[1], "")


def _result(load: Load) -> tree.Expr | None:
    """The expression of the result from which the rows are taken."""
    expr: tree.Expr = load.node
    if load.rows.consumer.name == "list" and isinstance(expr, tree.Call):
        expr = expr.args[0].value
    elif load.rows.consumer.name != "for" and isinstance(expr, tree.Call) and isinstance(expr.func, tree.Attribute):
        expr = expr.func.value
    while (
        isinstance(expr, tree.Call) and isinstance(expr.func, tree.Attribute) and expr.func.attr in _RESULT_STEPS
    ) and not expr.args:
        expr = expr.func.value
    return expr


def _is_open(text: str) -> bool:
    """Whether a line ends outside of brackets."""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "\n" and not depth:
            return True
    return False


class _Renamed(NamedTuple):
    """Rows that are bound to a name once: the name that the number gets, and what it takes the place of."""

    name: str
    target: tree.Name
    uses: tuple[tree.Node, ...]

    @staticmethod
    def of(asking: Asking) -> _Renamed | None:
        load = asking.load
        text = function_text(load.domain, load.body)
        stmt = text.parents.get(load.node)
        if not isinstance(stmt, tree.Assign) or len(stmt.targets) != 1 or not isinstance(stmt.targets[0], tree.Name):
            return None
        target = stmt.targets[0]
        names = [expr for expr in text.expressions if isinstance(expr, tree.Name)]
        holders = [answer.holder for answer in asking.answers]
        if any(expr.id == target.id and expr is not target and expr not in holders for expr in names):
            return None
        taken = {expr.id for expr in names} | set(load.domain.module.summary.bindings)
        name = next((each for each in (f"{target.id}_count", f"number_of_{target.id}") if each not in taken), None)
        if name is None:
            return None
        return _Renamed(name, target, tuple(_measured(text.parents, answer) for answer in asking.answers))


def _measured(parents: dict[tree.Node, tree.Node], answer: Answer) -> tree.Node:
    """`len(rows)`, or the rows themselves where their truth is asked."""
    call = parents.get(parents[answer.holder]) if isinstance(parents.get(answer.holder), tree.Argument) else None
    is_length = isinstance(call, tree.Call) and isinstance(call.func, tree.Name) and call.func.id == "len"
    return call if is_length and call is not None else answer.holder
