"""Lowering of expressions: libcst nodes to the nodes of `tree`, dispatched by class in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import libcst as cst

from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.literals import float_value, imaginary_value, integer_value, string_value
from sqla_leaklint.syntax.operators import BINARY_KINDS, COMPARISON_OPERATORS, UNARY_KINDS

Lowering: TypeAlias = "Callable[[Any], tree.Expr]"

_KEYWORD_CONSTANTS: dict[str, object] = {"None": None, "True": True, "False": False}


def lower_expression(node: cst.CSTNode) -> tree.Expr:
    """Lower one expression (or what stands in the place of one: a starred element, a slice)."""
    return EXPRESSIONS[node.__class__](node)


def lower_optional(node: cst.CSTNode | None) -> tree.Expr | None:
    """Lower an expression that may be absent."""
    return None if node is None else EXPRESSIONS[node.__class__](node)


def lower_arguments(args: Sequence[cst.Arg]) -> tuple[tree.Argument, ...]:
    """Lower the arguments of a call, or the bases and keywords of a class."""
    lowering = EXPRESSIONS
    return tuple(
        [
            tree.Argument(
                arg,
                lowering[arg.value.__class__](arg.value),
                None if arg.keyword is None else arg.keyword.value,
                arg.star,
            )
            for arg in args
        ]
    )


def lower_parameters(node: cst.Parameters) -> tuple[tree.Parameter, ...]:
    """Lower the parameters of a function or a lambda, in the order of the text."""
    params = [_parameter(param, tree.ParameterKind.POSITIONAL_ONLY) for param in node.posonly_params]
    params += [_parameter(param, tree.ParameterKind.POSITIONAL) for param in node.params]
    if isinstance(node.star_arg, cst.Param):
        params.append(_parameter(node.star_arg, tree.ParameterKind.VAR_POSITIONAL))
    params += [_parameter(param, tree.ParameterKind.KEYWORD_ONLY) for param in node.kwonly_params]
    if node.star_kwarg is not None:
        params.append(_parameter(node.star_kwarg, tree.ParameterKind.VAR_KEYWORD))
    return tuple(params)


def _parameter(node: cst.Param, kind: tree.ParameterKind) -> tree.Parameter:
    annotation = None if node.annotation is None else lower_expression(node.annotation.annotation)
    return tree.Parameter(node, node.name.value, kind, annotation, lower_optional(node.default))


def _name(node: cst.Name) -> tree.Expr:
    value = node.value
    if value in _KEYWORD_CONSTANTS:
        return tree.Constant(node, _KEYWORD_CONSTANTS[value])
    return tree.Name(node, value)


def _attribute(node: cst.Attribute) -> tree.Expr:
    value = node.value
    return tree.Attribute(node, EXPRESSIONS[value.__class__](value), node.attr.value)


def _call(node: cst.Call) -> tree.Expr:
    func = node.func
    return tree.Call(node, EXPRESSIONS[func.__class__](func), lower_arguments(node.args) if node.args else ())


def _ellipsis(node: cst.Ellipsis) -> tree.Expr:
    return tree.Constant(node, ...)


def _integer(node: cst.Integer) -> tree.Expr:
    return tree.Constant(node, integer_value(node.value))


def _float(node: cst.Float) -> tree.Expr:
    return tree.Constant(node, float_value(node.value))


def _imaginary(node: cst.Imaginary) -> tree.Expr:
    return tree.Constant(node, imaginary_value(node.value))


def _simple_string(node: cst.SimpleString) -> tree.Expr:
    return tree.Constant(node, string_value(node.value))


def _formatted_string(node: cst.FormattedString) -> tree.Expr:
    return tree.Operation(node, "f-string", tuple(_interpolated(node.parts)))


def _templated_string(node: cst.TemplatedString) -> tree.Expr:
    return tree.Operation(node, "t-string", tuple(_interpolated(node.parts)))


def _interpolated(
    parts: Sequence[cst.BaseFormattedStringContent] | Sequence[cst.BaseTemplatedStringContent],
) -> list[tree.Expr]:
    operands: list[tree.Expr] = []
    for part in parts:
        if isinstance(part, (cst.FormattedStringExpression, cst.TemplatedStringExpression)):
            operands.append(lower_expression(part.expression))
            if part.format_spec:
                operands += _interpolated(part.format_spec)
    return operands


def _concatenated_string(node: cst.ConcatenatedString) -> tree.Expr:
    parts: list[tree.Expr] = []
    rest: cst.BaseExpression = node
    while isinstance(rest, cst.ConcatenatedString):  # nested to the right, possibly thousands deep
        parts.append(lower_expression(rest.left))
        rest = rest.right
    parts.append(lower_expression(rest))
    values = [part.value for part in parts if isinstance(part, tree.Constant)]
    if len(values) == len(parts):
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == len(values):
            return tree.Constant(node, "".join(texts))
        data = [value for value in values if isinstance(value, bytes)]
        if len(data) == len(values):
            return tree.Constant(node, b"".join(data))
    return tree.Operation(node, "concatenation", tuple(parts))


def _comparison(node: cst.Comparison) -> tree.Expr:
    comparisons = [
        (COMPARISON_OPERATORS[target.operator.__class__], lower_expression(target.comparator))
        for target in node.comparisons
    ]
    return tree.Compare(node, lower_expression(node.left), tuple(comparisons))


def _unary_operation(node: cst.UnaryOperation) -> tree.Expr:
    value = lower_expression(node.expression)
    if isinstance(node.operator, cst.Not):
        return tree.Not(node, value)
    return tree.Operation(node, UNARY_KINDS[node.operator.__class__], (value,))


def _binary_operation(node: cst.BinaryOperation) -> tree.Expr:
    operands = (lower_expression(node.left), lower_expression(node.right))
    return tree.Operation(node, BINARY_KINDS[node.operator.__class__], operands)


def _boolean_operation(node: cst.BooleanOperation) -> tree.Expr:
    operator = "and" if isinstance(node.operator, cst.And) else "or"
    return tree.BoolOp(node, operator, lower_expression(node.left), lower_expression(node.right))


def _subscript(node: cst.Subscript) -> tree.Expr:
    index = tuple([lower_expression(element.slice) for element in node.slice])
    return tree.Subscript(node, lower_expression(node.value), index)


def _index(node: cst.Index) -> tree.Expr:
    value = lower_expression(node.value)
    return tree.Starred(node, value) if node.star else value


def _slice(node: cst.Slice) -> tree.Expr:
    bounds = (node.lower, node.upper, node.step)
    return tree.Operation(node, "slice", tuple([lower_expression(bound) for bound in bounds if bound is not None]))


def _lambda(node: cst.Lambda) -> tree.Expr:
    return tree.Lambda(node, lower_parameters(node.params), lower_expression(node.body))


def _await(node: cst.Await) -> tree.Expr:
    return tree.Await(node, lower_expression(node.expression))


def _yield(node: cst.Yield) -> tree.Expr:
    value = node.value
    if isinstance(value, cst.From):
        return tree.Yield(node, lower_expression(value.item), True)
    return tree.Yield(node, lower_optional(value), False)


def _if_exp(node: cst.IfExp) -> tree.Expr:
    return tree.Conditional(
        node, lower_expression(node.test), lower_expression(node.body), lower_expression(node.orelse)
    )


def _named_expr(node: cst.NamedExpr) -> tree.Expr:
    return tree.NamedExpr(node, lower_expression(node.target), lower_expression(node.value))


def _element(node: cst.Element) -> tree.Expr:
    return lower_expression(node.value)


def _starred_element(node: cst.StarredElement) -> tree.Expr:
    return tree.Starred(node, lower_expression(node.value))


def _tuple(node: cst.Tuple) -> tree.Expr:
    return tree.Display(node, "tuple", tuple([lower_expression(element) for element in node.elements]))


def _list(node: cst.List) -> tree.Expr:
    return tree.Display(node, "list", tuple([lower_expression(element) for element in node.elements]))


def _set(node: cst.Set) -> tree.Expr:
    return tree.Display(node, "set", tuple([lower_expression(element) for element in node.elements]))


def _dict(node: cst.Dict) -> tree.Expr:
    items: list[tuple[tree.Expr | None, tree.Expr]] = []
    for element in node.elements:
        key = lower_expression(element.key) if isinstance(element, cst.DictElement) else None
        items.append((key, lower_expression(element.value)))
    return tree.DictDisplay(node, tuple(items))


def _generators(node: cst.CompFor) -> tuple[tree.CompFor, ...]:
    generators = []
    clause: cst.CompFor | None = node
    while clause is not None:
        ifs = tuple([lower_expression(condition.test) for condition in clause.ifs])
        target, source = lower_expression(clause.target), lower_expression(clause.iter)
        generators.append(tree.CompFor(clause, target, source, ifs, clause.asynchronous is not None))
        clause = clause.inner_for_in
    return tuple(generators)


def _list_comp(node: cst.ListComp) -> tree.Expr:
    return tree.Comprehension(node, "list", (lower_expression(node.elt),), _generators(node.for_in))


def _set_comp(node: cst.SetComp) -> tree.Expr:
    return tree.Comprehension(node, "set", (lower_expression(node.elt),), _generators(node.for_in))


def _generator_exp(node: cst.GeneratorExp) -> tree.Expr:
    return tree.Comprehension(node, "generator", (lower_expression(node.elt),), _generators(node.for_in))


def _dict_comp(node: cst.DictComp) -> tree.Expr:
    elements = (lower_expression(node.key), lower_expression(node.value))
    return tree.Comprehension(node, "dict", elements, _generators(node.for_in))


def _starred_dict_comp(node: cst.StarredDictComp) -> tree.Expr:
    # PEP 798's `{**mapping for …}`: libcst has no node for the starred element alone.
    element = tree.Starred(node.value, lower_expression(node.value))
    return tree.Comprehension(node, "dict", (element,), _generators(node.for_in))


EXPRESSIONS: dict[type[cst.CSTNode], Lowering] = {
    cst.Name: _name,
    cst.Attribute: _attribute,
    cst.Call: _call,
    cst.Ellipsis: _ellipsis,
    cst.Integer: _integer,
    cst.Float: _float,
    cst.Imaginary: _imaginary,
    cst.SimpleString: _simple_string,
    cst.FormattedString: _formatted_string,
    cst.TemplatedString: _templated_string,
    cst.ConcatenatedString: _concatenated_string,
    cst.Comparison: _comparison,
    cst.UnaryOperation: _unary_operation,
    cst.BinaryOperation: _binary_operation,
    cst.BooleanOperation: _boolean_operation,
    cst.Subscript: _subscript,
    cst.Index: _index,
    cst.Slice: _slice,
    cst.Lambda: _lambda,
    cst.Await: _await,
    cst.Yield: _yield,
    cst.IfExp: _if_exp,
    cst.NamedExpr: _named_expr,
    cst.Element: _element,
    cst.StarredElement: _starred_element,
    cst.Tuple: _tuple,
    cst.List: _list,
    cst.Set: _set,
    cst.Dict: _dict,
    cst.ListComp: _list_comp,
    cst.SetComp: _set_comp,
    cst.GeneratorExp: _generator_exp,
    cst.DictComp: _dict_comp,
    cst.StarredDictComp: _starred_dict_comp,
}
