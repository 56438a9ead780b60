"""Handlers: which exceptions an `except` takes, going by the names of the classes."""

from __future__ import annotations

from sqla_leaklint.flow.exceptions import last_name
from sqla_leaklint.syntax import tree

DATABASE_ERROR = "SQLAlchemyError"
"""What SQL through a session raises."""

_DATABASE_ERRORS = frozenset(
    {
        DATABASE_ERROR,
        "DBAPIError",
        "DatabaseError",
        "DataError",
        "IntegrityError",
        "InterfaceError",
        "InternalError",
        "InvalidRequestError",
        "MultipleResultsFound",
        "NoResultFound",
        "NotSupportedError",
        "OperationalError",
        "PendingRollbackError",
        "ProgrammingError",
        "StaleDataError",
        "StatementError",
        "TimeoutError",
    }
)
_TAKES_ALL = frozenset({"Exception", "BaseException"})
_TAKES_DATABASE_ERRORS = frozenset({DATABASE_ERROR, "StatementError", "DBAPIError", "DatabaseError"})
"""What takes all that a statement fails with, but for mistakes of the programmer and an empty pool."""


def may_take(handler: tree.Node, error: str | None, is_taken: bool) -> bool:
    """Whether a handler takes (or lets pass) an exception, going by the names of the classes."""
    if not isinstance(handler, tree.ExceptHandler) or handler.type is None or not error:
        return True
    types = handler.type.elements if isinstance(handler.type, tree.Display) else (handler.type,)
    names = {name_of(each) or "" for each in types}
    if names & _TAKES_ALL:
        return True
    if error in names or any(name.isupper() or not name for name in names):
        return is_taken  # `except ERRORS:` is trusted to name what is meant
    if error == DATABASE_ERROR and names & _TAKES_DATABASE_ERRORS:
        return is_taken
    if error == DATABASE_ERROR:
        return not is_taken or bool(names & _DATABASE_ERRORS)
    return not is_taken or not names <= _DATABASE_ERRORS


def name_of(expr: tree.Expr) -> str | None:
    """The last name of the class of an exception, or of the call that makes one."""
    return name_of(expr.func) if isinstance(expr, tree.Call) else last_name(expr)
