"""What it takes to put a function round another one: its names, what it is given, and where it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import ModuleValue, ProjectClass, ProjectFunction
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.summary import FunctionSummary
    from sqla_leaklint.syntax.spans import SourceMap

_PLAIN = frozenset({ParameterKind.POSITIONAL, ParameterKind.KEYWORD_ONLY})


# --- names ---


def root_of(expr: tree.Expr) -> str | None:
    """The first name of a dotted one."""
    while isinstance(expr, tree.Attribute):
        expr = expr.value
    return expr.id if isinstance(expr, tree.Name) else None


def name_of(domain: Domain, wanted: ProjectFunction | ProjectClass) -> str | None:
    """The name under which the module itself has a function or class, or the module of it."""
    last = wanted.qualname.rpartition(".")[2]
    values = {name: domain.value_of(term) for name, term in domain.module.summary.bindings.items()}
    named = next((name for name, value in values.items() if value == wanted), None)
    if named is not None:
        return named
    modules = (name for name, value in values.items() if isinstance(value, ModuleValue))
    return next(
        (f"{name}.{last}" for name in modules if domain.evaluator.attribute(values[name], last) == wanted), None
    )


def module_to_import(domain: Domain, provider: ProjectFunction) -> str | None:
    """The module to import a provider from, if the endpoint's module imports from that package in the same way."""
    module, name = domain.evaluator.project.summary_at(provider.path), provider.qualname
    own = domain.module.summary
    if module is None or "." in name or name.startswith("_") or name in own.bindings:
        return None
    if domain.evaluator.reference(f"{module.name}.{name}", own) != provider:
        return None
    package = module.name.partition(".")[0]
    imports = (stmt for stmt in domain.module.parsed.tree.body if isinstance(stmt, tree.ImportFrom) and not stmt.level)
    return module.name if any(stmt.module.partition(".")[0] == package for stmt in imports) else None


def is_known_to_module(
    domain: Domain, body: Body, callee: tree.Name | tree.Attribute, function: ProjectFunction
) -> bool:
    """Whether the name of a function means the same outside of the body that uses it."""
    root = root_of(callee)
    if root is None or root not in domain.module.summary.bindings or root in body.local_names:
        return False
    return "<locals>" not in function.qualname


def last_name(function: ProjectFunction) -> str:
    """What a function is called where it is defined."""
    return function.qualname.rpartition(".")[2]


# --- what it is given ---


def is_plain(function: FunctionSummary) -> bool:
    """Whether every parameter can be named in a call."""
    return all(parameter.kind in _PLAIN for parameter in function.parameters)


def parameter_of(function: FunctionSummary, given: Sequence[tree.Argument], argument: tree.Argument) -> str:
    """The parameter of a plain function in which it gets one of the arguments that are given."""
    if argument.keyword is not None:
        return argument.keyword
    position = [each for each in given if each.keyword is None].index(argument)
    names = [parameter.name for parameter in function.parameters]
    return names[position] if position < len(names) else f"argument_{position + 1}"


# --- places ---


def first_user(domain: Domain, bodies: Iterable[Body]) -> tree.Stmt | None:
    """The first function or class of module level in which one of the bodies is: all can use what goes before it."""
    tops: list[tree.Node] = []
    for body in bodies:
        top = body
        while top.parent is not None and top.parent.parent is not None:
            top = top.parent
        tops.append(top.node)
    return next((stmt for stmt in domain.module.parsed.tree.body if stmt in tops), None)


def start_with_decorators(stmt: tree.Stmt, source: SourceMap) -> int:
    """Where the line starts above which nothing belongs to the definition: its decorators and comments do."""
    decorators = stmt.decorators if isinstance(stmt, tree.Function | tree.Class) else ()
    place = source.line_start(min(source.offsets(node)[0] for node in (stmt, *decorators)))
    while place and source.text[source.line_start(place - 1) : place].startswith("#"):
        place = source.line_start(place - 1)
    return place


def place_of_argument(call: tree.Call, argument: tree.Argument, source: SourceMap) -> tuple[int, int]:
    """The stretch of text to take out of a call so that an argument is gone."""
    return place_among([source.offsets(each) for each in call.args], call.args.index(argument), source)


def place_among(spans: Sequence[tuple[int, int]], position: int, source: SourceMap) -> tuple[int, int]:
    """The stretch of text of one of several arguments or parameters, with the comma after or, for the last one, before
    it; of the only one with all that is between the parentheses.
    """
    start, end = spans[position]
    if position + 1 < len(spans):
        return start, spans[position + 1][0]
    if position:
        return spans[position - 1][1], end
    return source.text.rindex("(", 0, start) + 1, source.text.index(")", end)


def text_of(source: SourceMap, node: tree.Node) -> str:
    """The text of a node, as it is written."""
    start, end = source.offsets(node)
    return source.text[start:end]
