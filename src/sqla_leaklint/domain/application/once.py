"""What is done once, however often a function is called: only as long as nobody has done it.

def ensure_tables():
global _is_ready
if not _is_ready:               # asks for what it stores: guarded
create_tables()
_is_ready = True
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import holds, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_FILLING = frozenset({"add", "append", "set", "setdefault", "update", "acquire"})
"""Methods of an object that tells whether something has been done."""
_STORED = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_GLOBAL})


def asks_whether_done(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, *others: FunctionSummary
) -> bool:
    """Whether a function tests something that outlives it, and that itself, or one of some functions, stores."""
    stored = {name for each in (function, *others) for name in _outliving(each)}
    if not stored:
        return False
    found = evaluator.project.module_at(module.path)
    body = found.executor.bodies.get(function.qualname) if found is not None else None
    if body is None or not isinstance(body.node, tree.Function):
        return True  # its text is not at hand
    return any(_asks(stmt, stored) for stmt in statements_within(body.node.body))


def is_done_once(function: FunctionSummary, block: tree.Block, node: tree.Node) -> bool:
    """Whether an expression of a function is evaluated only if something that the function stores says so."""
    stored = set(_outliving(function))
    return bool(stored) and any(_asks(stmt, stored) and holds(stmt, node) for stmt in statements_within(block))


def _asks(stmt: tree.Stmt, stored: set[str]) -> bool:
    return isinstance(stmt, tree.If | tree.While) and any(name in stored for name in _names_in(stmt.test))


def _outliving(function: FunctionSummary) -> Iterator[str]:
    """The names of globals, attributes and containers that a function stores something in."""
    for act in function.acts:
        if act.deed in _STORED and isinstance(act.key, str):
            yield act.key
        elif act.deed is Deed.STORED_ITEM and act.base is not None:
            yield method_name(act.base)
        elif act.deed is Deed.CALLED and isinstance(act.value, t.Call):
            match act.value.func:
                case t.Attr(base=base, name=name) if name in _FILLING:
                    yield method_name(base)
                case t.Ref(path=path) if path.rpartition(".")[2] in _FILLING:
                    yield path.rpartition(".")[0].rpartition(".")[2]
                case _:
                    pass


def _names_in(test: tree.Expr) -> Iterator[str]:
    for node in walk(test):
        if isinstance(node, tree.Name):
            yield node.id
        elif isinstance(node, tree.Attribute):
            yield node.attr
