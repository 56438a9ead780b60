"""Handlers: which exceptions an `except` takes, going by the names of the classes or, if asked, by what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Many, Symbol, TupleValue, Value, alternatives
from sqla_leaklint.flow.exceptions import Catch, last_name
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

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

_OF_THE_PROGRAM = frozenset({"InvalidRequestError", "MultipleResultsFound", "NoResultFound", "PendingRollbackError"})
"""What SQLAlchemy raises without the database having refused anything: the transaction goes on."""


def takes_database_errors(domain: Domain, handler: tree.ExceptHandler) -> Catch:
    """Whether a handler takes what the database raises through a session, by what its classes resolve to."""
    if handler.type is None:
        return Catch.ALWAYS
    answers = {_takes(value) for value in _classes(domain.value(handler.type))}
    return next((each for each in (Catch.ALWAYS, Catch.MAYBE) if each in answers), Catch.NEVER)


def _classes(value: Value) -> Iterator[Value]:
    for each in alternatives(value):
        match each:
            case TupleValue():
                for element in each.elements:
                    yield from _classes(element)
            case Many():
                yield from _classes(each.element)
            case _:
                yield each


def _takes(cls: Value) -> Catch:
    if not isinstance(cls, Symbol):
        return Catch.NEVER  # of the project, or not known: hardly ever a database error
    package, name = cls.path.partition(".")[0], cls.path.rpartition(".")[2]
    if package == "builtins":
        return Catch.ALWAYS if name in _TAKES_ALL else Catch.NEVER
    if package not in {"sqlalchemy", "sqlmodel"} or name in _OF_THE_PROGRAM or name not in _DATABASE_ERRORS:
        return Catch.NEVER
    return Catch.ALWAYS if name in _TAKES_DATABASE_ERRORS else Catch.MAYBE


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
