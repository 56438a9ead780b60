"""A memo without a bound becomes one that keeps the results that were asked for last: `lru_cache(maxsize=1024)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.containers.kinds import can_be_made_again
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_LRU_CACHE = "functools.lru_cache"
_BOUND = "1024"


def bound_by_number(memoized: Memoized) -> PendingFix | None:
    """The fix, where the memoiser is functools' own as written here, and a result that is forgotten can be made again.

    A lock or a queue cannot: who holds the forgotten one and who gets a new one would not meet.
    """
    returned = memoized.function.returns
    if not returned or not all(isinstance(each, t.Const) or can_be_made_again(each) for each in returned):
        return None
    written = memoized.node.func if memoized.is_by_hand and isinstance(memoized.node, tree.Call) else memoized.node
    name = written.func if isinstance(written, tree.Call) else written
    meant = memoized.domain.value(name)
    if not isinstance(meant, Symbol) or memoized.domain.evaluator.knowledge.memoizer(meant.path) is None:
        return None
    if isinstance(written, tree.Call) and _bound_in(written) is None:
        return None
    if meant.path != _LRU_CACHE and isinstance(name, tree.Name) and not _can_import(memoized):
        return None
    return PendingFix(
        Applicability.UNSAFE,
        f"keep the last results of `{memoized.known_as}`, not all of them",
        lambda source: tuple(_edits(memoized, written, name, meant.path, source)),
    )


def _can_import(memoized: Memoized) -> bool:
    """Whether `lru_cache` means functools' in this module, or nothing yet."""
    bound = memoized.domain.module.summary.bindings.get("lru_cache")
    return bound is None or memoized.domain.value_of(bound) == Symbol(_LRU_CACHE)


def _bound_in(call: tree.Call) -> tree.Expr | None:
    """The bound that is written in `lru_cache(None)`, `lru_cache(maxsize=None, typed=True)`."""
    first = call.args[0] if call.args and call.args[0].keyword is None else None
    given = next((argument for argument in call.args if argument.keyword == "maxsize"), first)
    return given.value if given is not None and not given.star else None


def _edits(memoized: Memoized, written: tree.Expr, name: tree.Expr, path: str, source: SourceMap) -> Iterator[TextEdit]:
    bound = _bound_in(written) if isinstance(written, tree.Call) else None
    if bound is not None:
        yield TextEdit(*source.offsets(bound), _BOUND)
        return
    called = source.text[slice(*source.offsets(name))]
    if path != _LRU_CACHE:
        called = f"{called.rpartition('.')[0]}.lru_cache" if isinstance(name, tree.Attribute) else "lru_cache"
    yield TextEdit(*source.offsets(written), f"{called}(maxsize={_BOUND})")
    if path != _LRU_CACHE and isinstance(name, tree.Name):
        yield from _imports(memoized, name, source)


def _imports(memoized: Memoized, name: tree.Name, source: SourceMap) -> Iterator[TextEdit]:
    """Import `lru_cache`: in the place of a name that nothing needs any more, or beside it."""
    module = memoized.domain.module.parsed.tree
    mentions = sum(isinstance(node, tree.Name) and node.id == name.id for node in walk(module))
    for stmt in module.body:
        if isinstance(stmt, tree.ImportFrom) and stmt.module == "functools" and not stmt.level:
            names = [imported for imported in stmt.names if (imported.alias or imported.name) == name.id]
            is_there = any(imported.name == "lru_cache" and imported.alias is None for imported in stmt.names)
            if names and mentions == 1 and not is_there:
                yield TextEdit(*source.offsets(names[0]), "lru_cache")
                return
    yield from import_edits(source, module, "functools", "lru_cache")
