"""What a loop runs over, when that can be of any length: a file, an unbounded query, a generator of either, a count.

Evidence is what the code calls, followed through names, comprehensions, generators of the project and, for a parameter,
the arguments of its callers.  What is not known has no evidence.

    def rows(path):
        with open(path) as file:
            yield from csv.DictReader(file)     # a generator over a CSV file

    for row in enumerate(rows("users.csv")): …  # so is this loop
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.rows.bounds import Bound, bound
from sqla_leaklint.domain.values import (
    Literal,
    ModelAttribute,
    ProjectClass,
    ProjectFunction,
    Rows,
    Statement,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Fetch, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

MANY = 10_000
"""A `range` of so many is not small."""
_FARTHEST = 4
"""Functions that may pass rows on before the question is given up."""

_PASSES_ON = frozenset(
    [f"builtins.{name}" for name in ("enumerate", "list", "tuple", "sorted", "reversed", "iter", "aiter")]
    + ["tqdm.tqdm", "tqdm.auto.tqdm", "rich.progress.track", "itertools.chain"]
)
"""Called with something (first), these give as many."""
_PASSES_LAST = frozenset({"builtins.map", "builtins.filter"})
_ENDLESS = frozenset({"itertools.count", "itertools.cycle"})

_FILE = frozenset({"read", "readlines", "splitlines", "split", "decode", "strip"})
_TABLE = frozenset(
    {"iter_rows", "iterrows", "itertuples", "to_dict", "active", "rows", "values", "fillna", "dropna", "replace"}
)
_READERS: dict[str, tuple[str, frozenset[str]]] = {
    "builtins.open": ("a file", _FILE),
    "codecs.open": ("a file", _FILE),
    "gzip.open": ("a file", _FILE),
    "bz2.open": ("a file", _FILE),
    "lzma.open": ("a file", _FILE),
    "csv.reader": ("a CSV file", frozenset()),
    "csv.DictReader": ("a CSV file", frozenset()),
    "ijson.items": ("a JSON file", frozenset()),
    "openpyxl.load_workbook": ("a spreadsheet", _TABLE),
    "pandas.read_csv": ("a CSV file", _TABLE),
    "pandas.read_excel": ("a spreadsheet", _TABLE),
    "pandas.read_parquet": ("a file", _TABLE),
    "pandas.read_sql": ("a query", _TABLE),
}
"""What reads a file, what it reads, and the methods and attributes of it that give all of it."""
_NEEDS_A_METHOD = frozenset(name for name, (_, methods) in _READERS.items() if methods is _TABLE)


@dataclass(frozen=True, slots=True)
class UnboundedSource:
    """What is looped over, in words ("" for nothing but the loop itself); `path` and `qualname` name the caller that
    passes it, if it comes from one.
    """

    what: str
    path: str = ""
    qualname: str = ""


def unbounded_source(evaluator: Evaluator, frame: Frame, term: Term) -> UnboundedSource | None:
    """What is unbounded about what a term gives to a loop; None when nothing shows that it is."""
    return _of(evaluator, frame, term, _FARTHEST)


def _of(evaluator: Evaluator, frame: Frame, term: Term | None, left: int) -> UnboundedSource | None:
    match term:
        case t.Await() | t.Declared() | t.Enter():
            return _of(evaluator, frame, term.value, left)
        case t.Mapped(kind="list" | "generator"):
            return _of(evaluator, frame, term.source, left)
        case t.Join():
            return next((each for each in (_of(evaluator, frame, part, left) for part in term.terms) if each), None)
        case t.Local():
            owner = frame.module.functions.get(term.function)
            return _of(evaluator, frame, owner.locals.get(term.name) if owner is not None else None, left)
        case t.Param():
            return _argument(evaluator, frame, term, left)
        case t.Call() | t.Attr():
            return (
                _read(evaluator, frame, term)
                or (_called(evaluator, frame, term, left) if isinstance(term, t.Call) else None)
                or _queried(evaluator, unwrapped(evaluator.of(term, frame)))
            )
        case t.Ref():
            return _queried(evaluator, unwrapped(evaluator.of(term, frame)))
        case _:
            return None


def _argument(evaluator: Evaluator, frame: Frame, term: t.Param, left: int) -> UnboundedSource | None:
    """What some caller passes in a parameter."""
    function = frame.module.functions.get(term.function)
    if function is None or not left:
        return None
    for call in callers(evaluator, frame.module, function):
        found = _of(evaluator, evaluator.frame(call.module), call.arguments.get(term.name), left - 1)
        if found is not None:
            qualname = call.function.qualname if call.function is not None else ""
            return found if found.path else replace(found, path=call.module.path, qualname=qualname)
    return None


# --- calls ------------------------------------------------------------------------------------------------------------


def _called(evaluator: Evaluator, frame: Frame, call: t.Call, left: int) -> UnboundedSource | None:
    for callee in alternatives(evaluator.of(call.func, frame)):
        match callee:
            case Symbol(path=path) if path in _PASSES_ON and call.args:
                return _of(evaluator, frame, call.args[0], left)
            case Symbol(path=path) if path in _PASSES_LAST and call.args:
                return _of(evaluator, frame, call.args[-1], left)
            case Symbol(path="builtins.zip") if call.args:
                found = [_of(evaluator, frame, each, left) for each in call.args]
                return found[0] if all(found) else None
            case Symbol(path="builtins.range"):
                return _range([evaluator.of(each, frame) for each in call.args])
            case Symbol(path=path) if path in _ENDLESS:
                return UnboundedSource("an endless count")
            case ProjectFunction() if left:
                return _returned(evaluator, callee, left - 1)
            case _:
                pass
    return None


def _range(args: list[Value]) -> UnboundedSource | None:
    numbers = [each.value for each in args if isinstance(each, Literal) and isinstance(each.value, int)]
    if not numbers or len(numbers) != len(args) or 0 in numbers[2:]:
        return None
    count = len(range(*numbers[:3]))
    return UnboundedSource(f"{count:,} numbers") if count >= MANY else None


def _returned(evaluator: Evaluator, function: ProjectFunction, left: int) -> UnboundedSource | None:
    """What a function of the project returns, or yields from."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None:
        return None
    frame = evaluator.frame(module)
    decorators = [evaluator.of(each, frame) for each in summary.decorators]
    if not all(isinstance(each, Symbol) and each.path in PLAIN_DECORATORS for each in decorators):
        return None
    given = summary.returns
    if summary.is_generator:
        given = tuple(part.value for part in t.all_in(summary.yields) if isinstance(part, t.Element))
    found = (_of(evaluator, frame, each, left) for each in given if not _is_parameter(each))
    return next((each for each in found if each), None)


def _is_parameter(term: Term) -> bool:
    """Whether a term is a parameter, whose other callers say nothing about this call."""
    return any(isinstance(part, t.Param) for part in _chain(term)) or isinstance(term, t.Param)


# --- files ------------------------------------------------------------------------------------------------------------


def _read(evaluator: Evaluator, frame: Frame, term: Term) -> UnboundedSource | None:
    """What a chain of attributes and methods reads: `open(path).read().splitlines()`, `book.active.iter_rows()`."""
    *names, root = _chain(term)
    if not isinstance(root, t.Call):
        return None
    for callee in alternatives(evaluator.of(root.func, frame)):
        if not isinstance(callee, Symbol) or callee.path not in _READERS:
            continue
        what, methods = _READERS[callee.path]
        called = [name for name in names if isinstance(name, str)]
        is_whole = set(called) <= methods and (bool(called) or callee.path not in _NEEDS_A_METHOD)
        if is_whole and root.args and not _is_written_out(root.args[0]) and root.keyword("nrows") is None:
            return UnboundedSource(what)
    return None


def _chain(term: Term) -> Iterator[str | Term]:
    """The names on the way to the root of a chain, and then the root."""
    while True:
        match term:
            case t.Call(func=t.Attr(base=base, name=name)) | t.Attr(base=base, name=name):
                yield name
                term = base
            case t.Await() | t.Enter() | t.Item():
                term = term.value
            case t.Declared(value=value) if value is not None:
                term = value
            case _:
                yield term
                return


def _is_written_out(term: Term) -> bool:
    """Whether a text that is read like a file stands in the code."""
    match term:
        case t.Collection():
            return True
        case t.Call(args=(first, *_)) if isinstance(term.func, t.Ref) and term.func.path.endswith(("StringIO",)):
            return isinstance(first, t.Const | t.Ref) or _is_written_out(first)
        case t.Call(func=t.Attr(base=t.Const() | t.Ref())):
            return True  # TEXT.splitlines()
        case _:
            return False


# --- queries ----------------------------------------------------------------------------------------------------------


def _queried(evaluator: Evaluator, value: Value) -> UnboundedSource | None:
    """What an unbounded query of a table that can grow brings."""
    rows = value if isinstance(value, Rows) else statements.looped(evaluator, value)
    if rows is None or rows.consumer.fetch not in {Fetch.ALL_ROWS, Fetch.STREAMED} or rows.statement is None:
        return None
    if rows.consumer.shape not in {Shape.LIST, Shape.ITERATOR} or bound(evaluator, rows) > Bound.WEAK:
        return None
    models = [models_of(evaluator).of(cls) for cls in _selected(rows.statement)]
    if not models or any(model is None or model.is_lookup for model in models):
        return None
    return UnboundedSource(" and ".join(f"all `{model.name}` rows" for model in models if model is not None))


def _selected(statement: Statement) -> Iterator[ProjectClass]:
    """The classes that a statement selects, whole or in part."""
    found: dict[ProjectClass, None] = {}
    for each in statement.projections:
        match each:
            case ProjectClass():
                found[each] = None
            case ModelAttribute():
                found[each.model] = None
            case _:
                return
    yield from found
