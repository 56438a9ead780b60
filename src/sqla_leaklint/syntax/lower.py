"""Lowering of statements: a libcst module to the nodes of `tree`, dispatched by class in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import libcst as cst

from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.lower_expressions import lower_arguments, lower_expression, lower_optional, lower_parameters
from sqla_leaklint.syntax.lower_patterns import is_irrefutable, lower_pattern
from sqla_leaklint.syntax.operators import AUGMENTED_OPERATORS

Lowering: TypeAlias = "Callable[[Any], tree.Stmt]"


def lower_module(module: cst.Module) -> tree.Module:
    """Lower a whole module."""
    return tree.Module(module, _block(module.body))


def _block(body: Sequence[cst.CSTNode]) -> tree.Block:
    statements = []
    for node in body:
        if isinstance(node, cst.SimpleStatementLine):
            statements.extend([STATEMENTS[small.__class__](small) for small in node.body])
        else:
            statements.append(STATEMENTS[node.__class__](node))
    return tuple(statements)


def _suite(suite: cst.BaseSuite) -> tree.Block:
    return _block(suite.body)


def _clause(clause: cst.Else | cst.Finally | None) -> tree.Block:
    return () if clause is None else _block(clause.body.body)


# --- definitions ------------------------------------------------------------------------------------------------------


def _function(node: cst.FunctionDef) -> tree.Stmt:
    return tree.Function(
        node,
        node.name.value,
        lower_parameters(node.params),
        None if node.returns is None else lower_expression(node.returns.annotation),
        _decorators(node.decorators),
        _suite(node.body),
        node.asynchronous is not None,
        _type_parameters(node.type_parameters),
    )


def _class(node: cst.ClassDef) -> tree.Stmt:
    return tree.Class(
        node,
        node.name.value,
        lower_arguments((*node.bases, *node.keywords)),
        _decorators(node.decorators),
        _suite(node.body),
        _type_parameters(node.type_parameters),
    )


def _type_alias(node: cst.TypeAlias) -> tree.Stmt:
    return tree.TypeAliasStmt(
        node, node.name.value, lower_expression(node.value), _type_parameters(node.type_parameters)
    )


def _decorators(decorators: Sequence[cst.Decorator]) -> tuple[tree.Expr, ...]:
    return tuple([lower_expression(decorator.decorator) for decorator in decorators])


def _type_parameters(node: cst.TypeParameters | None) -> tuple[tree.TypeParameter, ...]:
    if node is None:
        return ()
    params = []
    for entry in node.params:
        param = entry.param
        bound = lower_optional(param.bound) if isinstance(param, cst.TypeVar) else None
        star = "*" if isinstance(param, cst.TypeVarTuple) else "**" if isinstance(param, cst.ParamSpec) else ""
        default = lower_optional(entry.default)
        if default is not None and entry.star:
            default = tree.Starred(default.cst, default)
        params.append(tree.TypeParameter(entry, param.name.value, star, bound, default))
    return tuple(params)


# --- imports ----------------------------------------------------------------------------------------------------------


def _import(node: cst.Import | cst.LazyImport) -> tree.Stmt:
    return tree.Import(node, _imported_names(node.names))


def _import_from(node: cst.ImportFrom | cst.LazyImportFrom) -> tree.Stmt:
    module = "" if node.module is None else _dotted(node.module)
    if isinstance(node.names, cst.ImportStar):
        names: tuple[tree.ImportedName, ...] = (tree.ImportedName(node.names, "*", None),)
    else:
        names = _imported_names(node.names)
    return tree.ImportFrom(node, module, len(node.relative), names)


def _imported_names(aliases: Sequence[cst.ImportAlias]) -> tuple[tree.ImportedName, ...]:
    return tuple([tree.ImportedName(alias, _dotted(alias.name), _bound_name(alias.asname)) for alias in aliases])


def _dotted(node: cst.BaseExpression) -> str:
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


def _bound_name(asname: cst.AsName | None) -> str | None:
    return asname.name.value if asname is not None and isinstance(asname.name, cst.Name) else None


# --- simple statements ------------------------------------------------------------------------------------------------


def _assign(node: cst.Assign) -> tree.Stmt:
    targets = tuple([lower_expression(target.target) for target in node.targets])
    return tree.Assign(node, targets, lower_expression(node.value))


def _ann_assign(node: cst.AnnAssign) -> tree.Stmt:
    annotation = lower_expression(node.annotation.annotation)
    return tree.AnnAssign(node, lower_expression(node.target), annotation, lower_optional(node.value))


def _aug_assign(node: cst.AugAssign) -> tree.Stmt:
    operator = AUGMENTED_OPERATORS[node.operator.__class__]
    return tree.AugAssign(node, lower_expression(node.target), operator, lower_expression(node.value))


def _expr(node: cst.Expr) -> tree.Stmt:
    return tree.ExprStmt(node, lower_expression(node.value))


def _return(node: cst.Return) -> tree.Stmt:
    return tree.Return(node, lower_optional(node.value))


def _raise(node: cst.Raise) -> tree.Stmt:
    cause = None if node.cause is None else lower_expression(node.cause.item)
    return tree.Raise(node, lower_optional(node.exc), cause)


def _assert(node: cst.Assert) -> tree.Stmt:
    return tree.Assert(node, lower_expression(node.test), lower_optional(node.msg))


def _delete(node: cst.Del) -> tree.Stmt:
    return tree.Delete(node, tuple(_deleted(lower_expression(node.target))))


def _deleted(target: tree.Expr) -> list[tree.Expr]:
    if not isinstance(target, tree.Display):
        return [target]
    return [inner for element in target.elements for inner in _deleted(element)]


def _global(node: cst.Global) -> tree.Stmt:
    return tree.Global(node, tuple([item.name.value for item in node.names]))


def _nonlocal(node: cst.Nonlocal) -> tree.Stmt:
    return tree.Nonlocal(node, tuple([item.name.value for item in node.names]))


# --- compound statements ----------------------------------------------------------------------------------------------


def _if(node: cst.If) -> tree.Stmt:
    chain = [node]  # an `elif` is nested in its `if`: long chains must not cost stack
    while isinstance(orelse := chain[-1].orelse, cst.If):
        chain.append(orelse)
    below = _clause(orelse)
    for link in reversed(chain):
        lowered = tree.If(link, lower_expression(link.test), _suite(link.body), below)
        below = (lowered,)
    return lowered


def _for(node: cst.For) -> tree.Stmt:
    return tree.For(
        node,
        lower_expression(node.target),
        lower_expression(node.iter),
        _suite(node.body),
        _clause(node.orelse),
        node.asynchronous is not None,
    )


def _while(node: cst.While) -> tree.Stmt:
    return tree.While(node, lower_expression(node.test), _suite(node.body), _clause(node.orelse))


def _with(node: cst.With) -> tree.Stmt:
    items = []
    for item in node.items:
        target = None if item.asname is None else lower_expression(item.asname.name)
        items.append(tree.WithItem(item, lower_expression(item.item), target))
    return tree.With(node, tuple(items), _suite(node.body), node.asynchronous is not None)


def _try(node: cst.Try | cst.TryStar) -> tree.Stmt:
    handlers = [
        tree.ExceptHandler(handler, lower_optional(handler.type), _bound_name(handler.name), _suite(handler.body))
        for handler in node.handlers
    ]
    is_star = isinstance(node, cst.TryStar)
    return tree.Try(node, _suite(node.body), tuple(handlers), _clause(node.orelse), _clause(node.finalbody), is_star)


def _match(node: cst.Match) -> tree.Stmt:
    cases = []
    for case in node.cases:
        captures, values = lower_pattern(case.pattern)
        guard = lower_optional(case.guard)
        total = guard is None and is_irrefutable(case.pattern)
        cases.append(tree.MatchCase(case, captures, values, guard, _suite(case.body), total))
    return tree.Match(node, lower_expression(node.subject), tuple(cases))


STATEMENTS: dict[type[cst.CSTNode], Lowering] = {
    cst.FunctionDef: _function,
    cst.ClassDef: _class,
    cst.TypeAlias: _type_alias,
    cst.Import: _import,
    cst.LazyImport: _import,
    cst.ImportFrom: _import_from,
    cst.LazyImportFrom: _import_from,
    cst.Assign: _assign,
    cst.AnnAssign: _ann_assign,
    cst.AugAssign: _aug_assign,
    cst.Expr: _expr,
    cst.Return: _return,
    cst.Raise: _raise,
    cst.Assert: _assert,
    cst.Del: _delete,
    cst.Pass: tree.Pass,
    cst.Break: tree.Break,
    cst.Continue: tree.Continue,
    cst.Global: _global,
    cst.Nonlocal: _nonlocal,
    cst.If: _if,
    cst.For: _for,
    cst.While: _while,
    cst.With: _with,
    cst.Try: _try,
    cst.TryStar: _try,
    cst.Match: _match,
}
