"""What functions return of the heap: its objects, their types and values, where they were allocated.

def report():
    snapshot = tracemalloc.take_snapshot()                     a listing, by the tables
    return [str(each) for each in snapshot.statistics("lineno")[:20]]      made of it
def size():
    return {"objects": len(gc.get_objects())}                  a number tells of no object
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.values import ProjectFunction, Symbol, Unknown, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

HEAP = "heap"
_GARBAGE = "gc.garbage"
_LOOKING = (
    "tracemalloc.",
    "objgraph.",
    "pympler.",
    "psutil.",
    "resource.getrusage",
    "gc.get_",
    "memory_profiler.memory_usage",
)
_NUMBERS = frozenset(f"builtins.{name}" for name in ("len", "bool", "any", "all", "isinstance", "id", "hash"))
_FILLING = frozenset({"append", "appendleft", "extend", "insert", "add", "update", "setdefault", "write", "writelines"})
_DEEPEST = 4


def looks_at_heap(evaluator: Evaluator, call: t.Call, frame: Frame) -> bool:
    """Whether a call measures memory or lists objects."""
    if not last_name(call.func):
        return False
    return any(
        isinstance(value, Symbol) and value.path.startswith(_LOOKING)
        for value in alternatives(evaluator.of(call.func, frame))
    )


class Listings:
    """Finds what lists the heap in what functions return."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._active: set[tuple[str, str]] = set()

    def returned(self, module: ModuleSummary, function: FunctionSummary) -> str | None:
        """The name of what lists the heap objects, or the facts about them, that a function returns or yields."""
        key = (module.path, function.qualname)
        if key in self._active or len(self._active) > _DEEPEST:
            return None
        self._active.add(key)
        try:
            return next(self._in_function(module, function), None)
        finally:
            self._active.discard(key)

    def _in_function(self, module: ModuleSummary, function: FunctionSummary) -> Iterator[str]:
        parts = list(_parts((*function.returns, *function.yields)))
        yield from self._listings(module, parts)
        filled = set(parts) - _ambiguous(function)
        for act in function.acts:
            match act.deed:
                case Deed.CALLED if isinstance(act.value, t.Call) and isinstance(act.value.func, t.Attr):
                    func = act.value.func
                    if func.name in _FILLING and func.base in filled:
                        yield from self._listings(
                            module, _parts((*act.value.args, *(each for _, each in act.value.keywords)))
                        )
                case Deed.STORED_ITEM | Deed.AUGMENTED if act.base in filled:
                    yield from self._listings(module, _parts((act.value,)))
                case _:
                    pass

    def _listings(self, module: ModuleSummary, parts: Iterable[t.Term]) -> Iterator[str]:
        frame = self._evaluator.frame(module)
        for part in parts:
            if isinstance(part, t.Ref) and part.path == _GARBAGE:
                yield _GARBAGE
            if not isinstance(part, t.Call):
                continue
            for callee in alternatives(self._evaluator.of(part.func, frame)):
                match callee:
                    case Symbol(path=path):
                        row = self._evaluator.knowledge.function(path)
                        if row is not None and row.returns == HEAP:
                            yield row.name
                    case ProjectFunction():
                        found = self._called(callee)
                        if found is not None:
                            yield found
                    case Unknown(reason=reason) if reason == HEAP and isinstance(part.func, t.Ref):
                        yield ".".join(part.func.path.split(".")[-2:])  # of a tracker that the module keeps
                    case _:
                        pass

    def _called(self, callee: ProjectFunction) -> str | None:
        module = self._evaluator.project.summary_at(callee.path)
        function = self._evaluator.classes.function(callee)
        return self.returned(module, function) if module is not None and function is not None else None


def _parts(terms: Iterable[t.Term]) -> Iterator[t.Term]:
    """Some terms and what they are made of, but for what only counts, compares or asks."""
    pending, seen = list(terms), set[t.Term]()
    while pending:
        term = pending.pop()
        if term in seen or isinstance(term, t.Compare):
            continue
        seen.add(term)
        yield term
        if isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path in _NUMBERS:
            continue
        pending.extend(t.parts_of(term))


def _ambiguous(function: FunctionSummary) -> set[t.Term]:
    """Terms that are the same for several names, as two empty lists are: what fills one is not in the other."""
    return {term for term, count in Counter(function.locals.values()).items() if count > 1}
