"""A dependency that hands out a registry's session gets one for each request instead.

    def get_db():                                      def get_db():
        db = Session()                                     with Session.session_factory() as db:
        try:                                  →                yield db
            yield db
        finally:
            Session.remove()

`session_factory` is what the registry itself makes its sessions with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import newline_of
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, end_of, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.with_block import enclosure, rendered
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.registries import HandedOutRegistry
    from sqla_leaklint.syntax.spans import SourceMap

_NAMES = ("session", "db", "own_session")


def session_for_request(handed: HandedOutRegistry) -> PendingFix | None:
    """The fix, where the dependency does little else."""
    expression = handed.expression
    if expression is None:
        return None
    message = "make a session for each request"
    if handed.made is not None and handed.handing.deed is Deed.YIELDED:
        block = enclosure(handed.function, handed.made.stmt, closes=handed.removals)
        if block is not None:
            return PendingFix(
                Applicability.DISPLAY,
                message,
                lambda source: rendered(
                    block, "with", source, context=f"{_text(source, expression)}.session_factory()"
                ),
            )
    whole = _whole(handed)
    name = next((each for each in _NAMES if not _is_taken(handed, each)), None)
    if whole is None or name is None:
        return None
    return PendingFix(Applicability.DISPLAY, message, lambda source: _replaced(source, whole, expression, name))


def _whole(handed: HandedOutRegistry) -> tree.Stmt | None:
    """The statement that does nothing but hand it out, with the `try` that removes it afterwards."""
    stmt = handed.handing.stmt
    for each in handed.function.body:
        match each:
            case tree.Try(body=(only,), handlers=(), orelse=(), finalbody=(last,)) if only is stmt:
                return each if last in handed.removals else None
            case tree.Return() | tree.ExprStmt() if each is stmt and not handed.removals:
                return each
            case _:
                pass
    return None


def _is_taken(handed: HandedOutRegistry, name: str) -> bool:
    return any(isinstance(node, tree.Name) and node.id == name for node in walk(handed.function)) or any(
        parameter.name == name for parameter in handed.function.params
    )


def _text(source: SourceMap, node: tree.Node) -> str:
    return source.text[slice(*source.offsets(node))]


def _replaced(source: SourceMap, whole: tree.Stmt, expression: tree.Expr, name: str) -> Sequence[TextEdit]:
    source.prepare((whole, expression))
    start, end = source.offsets(whole)[0], end_of(whole, source)
    indentation = source.text[source.line_start(start) : start]
    if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(source.text, end, source.line_end(end)):
        return ()
    unit = unit_of(source.text, indentation)
    header = f"with {_text(source, expression)}.session_factory() as {name}:"
    return (TextEdit(start, end, f"{header}{newline_of(source)}{indentation}{unit}yield {name}"),)
