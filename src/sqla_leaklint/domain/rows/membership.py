"""Rows that are loaded for nothing but to see whether a value is among them: the database can look for it.

    ids = session.scalars(select(User.id)).all()
    if not ids: return False                     # a test of the rows themselves
    return user_id in ids                        # a look for one value
    return set(user_ids).issubset(ids)           # a look for some

    names = {user.name for user in users}        # the same with entities
    if name not in names: …

The rows may go through `list`, `set` and comprehensions, and, as the values of one column, through a function of the
project of which every call is judged likewise.  One look for each time that they are loaded: who loads them once and
looks again and again, in a loop or one line after another, has a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.asking import can_be_narrowed
from sqla_leaklint.domain.rows.calls import every_call
from sqla_leaklint.domain.rows.growth import grows_for_a_look
from sqla_leaklint.domain.rows.looks import Form, Found, Look, LookReader, Root
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.row_tests import is_comparable
from sqla_leaklint.domain.values import ModelAttribute, TupleValue

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """Rows of a load that are only looked through, for a value of `column`."""

    load: Load
    model: Model
    column: str
    looks: tuple[Look, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[Membership]:
        """Every such load of a module."""
        for load in domain.subjects(Load):
            if not load.body.is_function or not load.is_everything or load.is_one_row or load.is_of_stream:
                continue
            model = load.model
            if model is None or model.is_lookup:
                continue
            root = _root(load, model)
            looks = _looks(load, root) if root is not None else None
            if looks and can_be_narrowed(load) and grows_for_a_look(load):
                (column,) = {column for _, column in looks}
                yield Membership(load, model, column, tuple(look for look, _ in looks))


def _root(load: Load, model: Model) -> Root | None:
    assert load.statement is not None
    are_tuples = isinstance(load.rows.element, TupleValue) or (load.is_legacy and load.entity is None)
    if load.entity is not None:
        fit = tuple(each.name for each in model.columns.values() if is_comparable(each))
        return None if are_tuples else Root(load.term, Form.ENTITIES, fit)
    names: list[str] = []
    for projection in load.statement.projections:
        if not isinstance(projection, ModelAttribute) or projection.model != model.cls:
            return None
        column = model.columns.get(projection.name)
        if column is None or not is_comparable(column):
            return None
        names.append(column.name)
    return Root(load.term, Form.TUPLES, tuple(names)) if are_tuples else Root(load.term, Form.VALUES, (names[0],))


def _looks(load: Load, root: Root) -> Found | None:
    """The looks at the rows, here and where they are returned to; None when anything else is done with them."""
    reader = LookReader(load.domain, function_text(load.domain, load.body), root, load.node)
    if not reader.read():
        return None
    found = reader.found
    if reader.returned:
        if reader.found or {form for form, _ in reader.returned} != {Form.VALUES}:
            return None
        names = tuple({name for _, name in reader.returned})
        for other, body, call in (every_call(load.domain, load.body) if len(names) == 1 else None) or ():
            term = other.term(call)
            if term is None:
                return None
            inner = LookReader(other, function_text(other, body), Root(term, Form.VALUES, names), call)
            if not inner.read() or inner.returned or not inner.found:
                return None
            found += inner.found
    return found if len({column for _, column in found}) == 1 else None
