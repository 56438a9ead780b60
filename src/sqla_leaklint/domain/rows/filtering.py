"""Rows of which Python keeps a part, or one figure, that the database could have chosen or reckoned.

    [user for user in users if user.active and user.age >= limit]     # a part, by `active` and `age`
    for user in users:                                                # the same
        if user.active: mail(user)
    sum(order.total for order in orders)                              # a figure, of `total`

The test reads columns of the row, and besides them only what has its value before the loop begins.  The rows are used
for nothing else: who keeps two parts, or filters in a loop over something else, has loaded them once for a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.growth import grows
from sqla_leaklint.domain.rows.holders import UNCHANGED, is_same
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.row_tests import RowTests
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.rows.usage import FunctionText

_FIGURES = frozenset({"builtins.sum", "builtins.min", "builtins.max"})


@dataclass(frozen=True, slots=True, eq=False)
class NarrowedLoad:
    """Rows that are narrowed after they were loaded: at `node`, by `tests` of the row called `row`.

    `figure` is what is reckoned of them ("sum", "min", "max"), "" for a part that is kept; `columns` are those that
    are looked at.
    """

    load: Load
    node: tree.Node
    row: str
    tests: tuple[tree.Expr, ...]
    columns: tuple[str, ...]
    figure: str = ""

    @staticmethod
    def find(domain: Domain) -> Iterator[NarrowedLoad]:
        """Every load of a module that is narrowed afterwards, and used for nothing else."""
        for load in domain.subjects(Load):
            if not load.body.is_function or not load.is_everything or load.is_one_row or load.is_of_stream:
                continue
            model = load.entity
            if model is None or model.is_lookup or load.rows.consumer.name == "set":
                continue
            text = function_text(domain, load.body)
            places = list(_places(load, text))
            if not places or None in places:
                continue
            found = [_narrowed(load, text, model, place) for place in places if place is not None]
            first = next((each for each in found if each is not None), None)
            if first is None or not grows(load, of_person=bool(first.figure)):
                continue
            is_all_figures = all(
                (each is not None and each.figure) or _is_measured(domain, place)
                for each, place in zip(found, places, strict=True)
            )
            if is_all_figures or (len(found) == 1 and not first.figure):
                yield first


def _places(load: Load, text: FunctionText) -> Iterator[tree.Node | None]:
    """The loops, comprehensions and calls that take the rows; None for any other use."""
    terms = load.domain.module.executor.terms
    for event in load.body.events:
        if event.deed is Deed.CAPTURED and is_same(load.term, event.value):
            yield None
    for expr in text.expressions:
        term = terms.get(expr)
        if term is None or not is_same(load.term, term):
            continue
        parent = text.parents.get(expr)
        match parent:
            case tree.Assign(targets=(tree.Name(),)) | tree.AnnAssign(target=tree.Name()):
                pass
            case tree.Await():
                pass
            case tree.For() | tree.CompFor() if expr is parent.iter:
                yield parent
            case tree.Argument():
                call = text.parents.get(parent)
                path = called_path(load.domain, call) if isinstance(call, tree.Call) else ""
                if path not in UNCHANGED:
                    yield call if path == "builtins.len" else None
            case _:
                yield None


def _is_measured(domain: Domain, place: tree.Node | None) -> bool:
    return isinstance(place, tree.Call) and called_path(domain, place) == "builtins.len"


def _narrowed(load: Load, text: FunctionText, model: Model, place: tree.Node) -> NarrowedLoad | None:
    if _is_repeated(text, load.node, place):
        return None
    if isinstance(place, tree.For):
        return _by_loop(load, model, place)
    comprehension = text.parents.get(place)
    if not isinstance(comprehension, tree.Comprehension) or comprehension.generators[0] is not place:
        return None
    assert isinstance(place, tree.CompFor)
    if not isinstance(place.target, tree.Name):
        return None
    tests = RowTests(load, model, place.target.id, frozenset())
    columns = [name for test in place.ifs for name in tests.columns(test) or (None,)]
    if None in columns:
        return None
    figure = figure_of(load.domain, text, comprehension)
    if figure and len(comprehension.generators) == 1 and len(comprehension.elements) == 1:
        column = tests.reckoned(comprehension.elements[0])
        if column is not None:
            return _made(load, comprehension, tests, place.ifs, [*columns, column], figure)
    return _made(load, comprehension, tests, place.ifs, columns) if place.ifs else None


def _by_loop(load: Load, model: Model, loop: tree.For) -> NarrowedLoad | None:
    if not isinstance(loop.target, tree.Name) or loop.orelse or loop.is_async:
        return None
    changed = names_in(loop.body).bound | set(_mutated(loop))
    tests = RowTests(load, model, loop.target.id, frozenset(changed))
    first = loop.body[0]
    match first:
        case tree.If(test=test, orelse=()) if len(loop.body) == 1:
            columns = tests.columns(test)
            return _made(load, loop, tests, (test,), columns) if columns else None
        case tree.If(test=test, body=(tree.Continue(),), orelse=()) if len(loop.body) > 1:
            columns = tests.columns(test)
            return _made(load, loop, tests, (test,), columns) if columns else None
        case tree.AugAssign(target=tree.Name(), operator="+=", value=value) if len(loop.body) == 1:
            column = tests.reckoned(value)
            return _made(load, loop, tests, (), [column], "sum") if column is not None else None
        case _:
            return None


def _made(
    load: Load,
    node: tree.Node,
    tests: RowTests,
    conditions: tuple[tree.Expr, ...],
    columns: list[str | None] | list[str],
    figure: str = "",
) -> NarrowedLoad:
    named = tuple(dict.fromkeys(name for name in columns if name is not None))
    return NarrowedLoad(load, node, tests.row, conditions, named, figure)


def figure_of(domain: Domain, text: FunctionText, comprehension: tree.Comprehension) -> str:
    """The figure that is reckoned of a comprehension: "sum", "min", "max" or ""."""
    argument = text.parents.get(comprehension)
    call = text.parents.get(argument) if argument is not None else None
    if not isinstance(call, tree.Call) or call.args[0] is not argument or comprehension.kind in {"set", "dict"}:
        return ""
    path = called_path(domain, call)
    is_plain = all(each.keyword in {"default", "start"} for each in call.args[1:])
    return path.rpartition(".")[2] if path in _FIGURES and is_plain else ""


def _is_repeated(text: FunctionText, loading: tree.Node, place: tree.Node) -> bool:
    """Whether rows that are loaded once are narrowed again and again, in a loop or comprehension."""
    around: set[tree.Node] = set()
    node: tree.Node | None = loading
    while node is not None:
        around.add(node)
        node = text.parents.get(node)
    inner: tree.Node = place
    node = text.parents.get(place)
    while node is not None:
        if isinstance(node, tree.For | tree.While) and node not in around and inner is not getattr(node, "iter", None):
            return True
        if isinstance(node, tree.Comprehension | tree.Lambda) and inner is not place and node not in around:
            return True
        inner, node = node, text.parents.get(node)
    return False


def _mutated(loop: tree.For) -> Iterator[str]:
    """The names on which the body of a loop calls methods, or whose items it sets."""
    for stmt in loop.body:
        for node in walk(stmt):
            match node:
                case tree.Call(func=tree.Attribute(value=tree.Name(id=name))):
                    yield name
                case tree.Assign(targets=targets):
                    for target in targets:
                        if isinstance(target, tree.Subscript | tree.Attribute):
                            yield from (each.id for each in walk(target) if isinstance(each, tree.Name))
                case _:
                    pass
