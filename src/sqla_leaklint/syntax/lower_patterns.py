"""Lowering of `match` patterns: the names that a pattern binds and the expressions that it evaluates."""

from __future__ import annotations

import libcst as cst

from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.lower_expressions import lower_expression


def lower_pattern(pattern: cst.MatchPattern) -> tuple[tuple[str, ...], tuple[tree.Expr, ...]]:
    """Return the captures (each once) and the values of a pattern, in the order of the text."""
    captures: dict[str, None] = {}
    values: list[tree.Expr] = []
    pending: list[cst.CSTNode] = [pattern]
    while pending:
        node = pending.pop()
        match node:
            case cst.MatchValue() | cst.MatchSingleton():
                values.append(lower_expression(node.value))
            case cst.MatchAs():
                if node.name is not None:
                    pending.append(node.name)
                if node.pattern is not None:
                    pending.append(node.pattern)
            case cst.Name():  # a capture; expressions never get here
                captures[node.value] = None
            case cst.MatchStar():
                if node.name is not None:
                    captures[node.name.value] = None
            case cst.MatchSequenceElement():
                pending.append(node.value)
            case cst.MatchList() | cst.MatchTuple():
                pending.extend(reversed(node.patterns))
            case cst.MatchMapping():
                if node.rest is not None:
                    pending.append(node.rest)
                pending.extend(reversed(node.elements))
            case cst.MatchMappingElement():
                values.append(lower_expression(node.key))
                pending.append(node.pattern)
            case cst.MatchClass():
                values.append(lower_expression(node.cls))
                pending.extend(reversed(node.kwds))
                pending.extend(reversed(node.patterns))
            case cst.MatchKeywordElement() | cst.MatchOrElement():
                pending.append(node.pattern)
            case cst.MatchOr():
                pending.extend(reversed(node.patterns))
            case _:
                raise TypeError(f"not a pattern: {type(node).__name__}")
    return tuple(captures), tuple(values)


def is_irrefutable(pattern: cst.MatchPattern) -> bool:
    """Tell whether a pattern matches everything: a name, `_`, or an alternative that does."""
    match pattern:
        case cst.MatchAs(pattern=None):
            return True
        case cst.MatchAs(pattern=inner) if inner is not None:
            return is_irrefutable(inner)
        case cst.MatchOr():
            return any(is_irrefutable(alternative.pattern) for alternative in pattern.patterns)
        case _:
            return False
