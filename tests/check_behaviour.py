"""Call every step and consumer of the knowledge tables on real statements and results, and look at what comes out."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from installed_versions import MISSING, holds, resolve

from sqla_leaklint.knowledge import default_knowledge, starlette
from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Consumer, Fetch, Role, Shape, Step
from sqla_leaklint.knowledge.notation import class_named

if TYPE_CHECKING:
    from check_rows import Checker

ROWS = 7


class Samples:
    """A small database, and for every class of the tables a way to make an instance."""

    def __init__(self) -> None:
        from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
        from sqlalchemy.orm import declarative_base, relationship
        from sqlalchemy.pool import StaticPool

        base = declarative_base()
        self.parent = type(
            "Parent",
            (base,),
            {"__tablename__": "parent", "id": Column(Integer, primary_key=True), "name": Column(String)},
        )
        self.child = type(
            "Child",
            (base,),
            {
                "__tablename__": "child",
                "id": Column(Integer, primary_key=True),
                "parent_id": Column(ForeignKey("parent.id")),
                "parent": relationship(self.parent, backref="children"),
            },
        )
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        base.metadata.create_all(self.engine)
        with self.session() as session:
            session.add_all([self.parent(id=number + 1, name="x") for number in range(ROWS)])
            session.commit()

    def session(self) -> Any:
        from sqlalchemy.orm import Session

        return Session(self.engine, future=True)

    def statement(self, owner: str, session: Any) -> Any:
        """A statement of that class over all rows; None if this version lacks it."""
        import sqlalchemy
        from sqlalchemy.dialects import mysql, postgresql, sqlite

        select = sqlalchemy.select(self.parent)
        table = self.parent.__table__
        makers: dict[str, Callable[[], Any]] = {
            sa.QUERY: lambda: session.query(self.parent),
            sa.SELECT: lambda: select,
            sa.COMPOUND_SELECT: lambda: sqlalchemy.union_all(sqlalchemy.select(table), sqlalchemy.select(table)),
            sa.TEXT: lambda: sqlalchemy.text("select id, name from parent"),
            sa.TEXTUAL_SELECT: lambda: sqlalchemy.text("select id, name from parent").columns(table.c.id, table.c.name),
            sa.INSERT: lambda: sqlalchemy.insert(table),
            sa.UPDATE: lambda: sqlalchemy.update(table),
            sa.DELETE: lambda: sqlalchemy.delete(table),
            "sqlalchemy.dialects.postgresql.Insert": lambda: postgresql.insert(table).values(id=1),
            "sqlalchemy.dialects.sqlite.Insert": lambda: sqlite.insert(table).values(id=1),
            "sqlalchemy.dialects.mysql.Insert": lambda: mysql.insert(table).values(id=1),
            sa.RESULT: lambda: session.execute(select),
            sa.SCALAR_RESULT: lambda: session.execute(select).scalars(),
            sa.MAPPING_RESULT: lambda: session.execute(select).mappings(),
        }
        return makers[owner]() if owner in makers else None

    def arguments(self, owner: str, name: str, session: Any) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Arguments with which that method can be called; None if nobody said so."""
        import sqlalchemy
        from sqlalchemy.orm import selectinload

        parent, child, table = self.parent, self.child, self.parent.__table__
        condition = parent.id > 0
        other = session.query(parent) if owner == sa.QUERY else sqlalchemy.select(table)
        no_arguments = (
            "distinct with_for_update subquery cte scalar_subquery as_scalar exists unique scalars mappings tuples "
            "alias lateral reduce_columns populate_existing reset_joinpoint with_labels return_defaults all fetchall "
            "partitions first one one_or_none scalar fetchone scalar_one scalar_one_or_none count from_self delete "
            "on_conflict_do_nothing __iter__ __next__"
        )
        if name in no_arguments.split():
            return (), {}
        style = getattr(sqlalchemy, "LABEL_STYLE_TABLENAME_PLUS_COL", None)
        table_of: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
            "filter": ((condition,), {}),
            "where": ((condition,), {}),
            "having": ((condition,), {}),
            "filter_by": ((), {"id": 1}),
            "with_parent": ((parent(id=1),), {"property": parent.children}),
            "limit": ((3,), {}),
            "fetch": ((3,), {}),
            "slice": ((0, 3), {}),
            "offset": ((1,), {}),
            "group_by": ((parent.id,), {}),
            "order_by": ((parent.id,), {}),
            "join": ((child, child.parent_id == parent.id), {}),
            "outerjoin": ((child, child.parent_id == parent.id), {}),
            "join_from": ((parent, child), {}),
            "outerjoin_from": ((parent, child), {}),
            "options": ((selectinload(parent.children),), {}),
            "yield_per": ((2,), {}),
            "execution_options": ((), {"yield_per": 2}),
            "select_from": ((parent,), {}),
            "select_entity_from": ((sqlalchemy.select(table).subquery(),), {}),
            "from_statement": ((sqlalchemy.select(table),), {}),
            "with_entities": ((parent.id,), {}),
            "with_only_columns": ((parent.id,), {}),
            "add_columns": ((parent.name,), {}),
            "add_column": ((parent.name,), {}),
            "column": ((parent.name,), {}),
            "add_entity": ((child,), {}),
            "autoflush": ((False,), {}),
            "correlate": ((child,), {}),
            "correlate_except": ((child,), {}),
            "enable_assertions": ((False,), {}),
            "enable_eagerloads": ((False,), {}),
            "only_return_tuples": ((True,), {}),
            "params": ((), {"x": 1}),
            "unique_params": ((), {"x": 1}),
            "bindparams": ((), {}),
            "prefix_with": (("x",), {}),
            "suffix_with": (("x",), {}),
            "with_session": ((session,), {}),
            "with_hint": ((table, "x") if owner in (sa.QUERY, sa.SELECT) else ("x",), {}),
            "with_statement_hint": (("x",), {}),
            "set_label_style": ((style,), {}),
            "with_transformation": ((lambda query: query,), {}),
            "label": (("x",), {}),
            "add_cte": ((sqlalchemy.select(table).cte(),), {}),
            "columns": ((table.c.id,), {}) if owner == sa.TEXT else ((0,), {}),
            "values": ((), {"name": "y"}),
            "ordered_values": ((("name", "y"),), {}),
            "from_select": ((["id"], sqlalchemy.select(table.c.id)), {}),
            "returning": ((table.c.id,), {}),
            "on_conflict_do_update": ((), {"index_elements": ["id"], "set_": {"name": "y"}}),
            "on_duplicate_key_update": ((), {"name": "y"}),
            "with_dialect_options": ((), {}),
            "fetchmany": ((2,), {}),
            "get": ((1,), {}),
            "__getitem__": ((slice(0, 2),), {}),
            "update": (({"name": "y"},), {}),
            "ext": ((None,), {}),
            **{
                name: ((other,), {})
                for name in ("union", "union_all", "intersect", "intersect_all", "except_", "except_all")
            },
        }
        if owner == sa.MAPPING_RESULT and name == "columns":
            return ("Parent",), {}
        return table_of.get(name)


def instance(owner: str) -> Any:
    """An instance of a class of the tables (for a model base, a class that extends it)."""
    import sqlalchemy
    from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
    from sqlalchemy.orm import Session, registry, scoped_session, sessionmaker
    from sqlalchemy.pool import StaticPool

    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool)
    makers: dict[str, Callable[[], Any]] = {
        sa.SESSION: Session,
        sa.SCOPED_SESSION: lambda: scoped_session(sessionmaker()),
        sa.SESSION_TRANSACTION: lambda: Session(future=True).begin(),
        sa.ASYNC_SESSION: AsyncSession,
        sa.ASYNC_SCOPED_SESSION: lambda: async_scoped_session(sessionmaker(), scopefunc=int),
        sa.CONNECTION: engine.connect,
        sa.TRANSACTION: lambda: engine.connect().begin(),
        sa.DBAPI_CONNECTION: engine.raw_connection,
        sa.REGISTRY: registry,
        sa.TABLE_CLASS: lambda: sqlalchemy.Table("t", sqlalchemy.MetaData()),
    }
    if owner in makers:
        return makers[owner]()
    if owner == starlette.APPLICATION:
        from starlette.applications import Starlette

        return Starlette()
    from flask_sqlalchemy import SQLAlchemy

    extension = SQLAlchemy()
    return extension.Model if owner == "flask_sqlalchemy.model.Model" else extension


def check_statements(checker: Checker) -> None:
    samples = Samples()
    knowledge = default_knowledge()
    for table in knowledge.tables:
        for step in table.steps:
            check_step(checker, samples, step)
        for consumer in table.consumers:
            if consumer.owner in (sa.QUERY, sa.RESULT, sa.SCALAR_RESULT, sa.MAPPING_RESULT):
                check_consumer(checker, samples, consumer)
    check_truths(checker, samples)
    check_batches(checker, samples)
    asyncio.run(check_awaitables(checker))


def check_truths(checker: Checker, samples: Samples) -> None:
    """What `and` and `or` make of clauses, which ask the first for its truth (`domain.linking.short_circuit`)."""
    key, name = samples.parent.id, samples.parent.name
    equal, unequal, other = key == 1, key != 1, name == "x"
    checker.expect((equal and other) is equal, "`a == 1 and b == 2` is not `a == 1`")
    checker.expect((equal or other) is other, "`a == 1 or b == 2` is not `b == 2`")
    checker.expect((unequal and other) is other, "`a != 1 and b == 2` is not `b == 2`")
    checker.expect((unequal or other) is unequal, "`a != 1 or b == 2` is not `a != 1`")
    checker.expect((key == name and other) is not other, "`a == b` of two columns is true")
    checker.expect((key == key and other) is other, "`a == a` is not true")
    for clause in (key > 1, key.in_([1]), key == None, key.is_(None), name.like("x"), equal & other):  # noqa: E711
        try:
            bool(clause)
        except TypeError:
            continue
        checker.expect(False, f"`{clause}` has a truth value")


def check_batches(checker: Checker, samples: Samples) -> None:
    """What may be loaded together with entities that come in batches (`domain.loading.batching`)."""
    from sqlalchemy import select
    from sqlalchemy.exc import InvalidRequestError
    from sqlalchemy.orm import contains_eager, joinedload, selectinload, subqueryload

    parent, child = samples.parent, samples.child
    parents, children = select(parent), select(child)
    raising = {
        "joinedload of a collection": parents.options(joinedload(parent.children)),
        "joinedload of a collection of what is joined": children.options(
            joinedload(child.parent).joinedload(parent.children)
        ),
        "contains_eager of a collection": parents.join(parent.children).options(contains_eager(parent.children)),
        "subqueryload of a collection": parents.options(subqueryload(parent.children)),
        "subqueryload of one": children.options(subqueryload(child.parent)),
        "unique()": parents,
    }
    fitting = {
        "joinedload of one": children.options(joinedload(child.parent)),
        "contains_eager of one": children.join(child.parent).options(contains_eager(child.parent)),
        "selectinload of a collection": parents.options(selectinload(parent.children)),
        "joinedload after selectinload": children.options(selectinload(child.parent).joinedload(parent.children)),
    }
    for label, statement in {**raising, **fitting}.items():
        with samples.session() as session:
            try:
                result = session.execute(statement, execution_options={"yield_per": 2})
                list(result.unique() if label == "unique()" else result)
                raised = False
            except InvalidRequestError:
                raised = True
        checker.expect(raised == (label in raising), f"yield_per with {label}: {'raises' if raised else 'streams'}")


def check_step(checker: Checker, samples: Samples, step: Step) -> None:
    label = f"{step.owner}.{step.name}"
    with samples.session() as session:
        receiver = samples.statement(step.owner, session)
        if receiver is None or not holds(step.versions) or step.name == "ext":
            return
        found = samples.arguments(step.owner, step.name, session)
        checker.expect(found is not None, f"{label}: nobody says how to call it")
        if found is None:
            return
        positional, keywords = found
        try:
            value = getattr(receiver, step.name)(*positional, **keywords)
        except Exception as error:  # noqa: BLE001 - a call that fails is a finding, whatever it raises
            checker.expect(False, f"{label}: {type(error).__name__}: {str(error)[:80]}")
            return
        if step.returns == "self" or step.returns == "call arg 0":
            checker.expect(isinstance(value, resolve(step.owner)), f"{label}: gives a {type(value).__name__}")
            return
        named = class_named(step.returns)
        wanted = resolve(named) if named else MISSING
        is_label = step.name == "label"
        checker.expect(
            is_label or (wanted is not MISSING and isinstance(value, wanted)),
            f"{label}: gives a {type(value).__name__}",
        )
        if step.role is Role.BOUNDS and step.owner in (sa.QUERY, sa.SELECT):
            checker.expect("LIMIT" in str(value).upper(), f"{label}: sends no LIMIT")


def check_consumer(checker: Checker, samples: Samples, consumer: Consumer) -> None:
    """Call it over many rows: see how many come, in what shape, and whether the statement that was sent has a bound."""
    from sqlalchemy import event
    from sqlalchemy.exc import MultipleResultsFound

    label = f"{consumer.owner}.{consumer.name}"
    if not holds(consumer.versions):
        return
    sent: list[str] = []

    def record(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(samples.engine, "before_cursor_execute", record)
    try:
        with samples.session() as session:
            found = samples.arguments(consumer.owner, consumer.name, session)
            checker.expect(found is not None, f"{label}: nobody says how to call it")
            if found is None:
                return
            positional, keywords = found
            receiver = samples.statement(consumer.owner, session)
            try:
                value = getattr(receiver, consumer.name)(*positional, **keywords)
                raised = False
            except MultipleResultsFound:
                value, raised = None, True
            except StopIteration:
                value, raised = None, True
            if consumer.shape is Shape.ITERATOR or consumer.shape is Shape.BATCHES:
                value = list(value)
            session.rollback()
    finally:
        event.remove(samples.engine, "before_cursor_execute", record)
    check_shape(checker, label, consumer, value, raised)
    if consumer.fetch is Fetch.EXISTS:
        checker.expect(not sent, f"{label}: sends {sent}")
        return
    words = " ".join(sent).upper()
    bounded = any(word in words for word in ("LIMIT", "COUNT(", "WHERE", "DELETE ", "UPDATE "))
    checker.expect(bounded == consumer.is_bounded, f"{label}: sends {sent}")


def check_shape(checker: Checker, label: str, consumer: Consumer, value: Any, raised: bool) -> None:
    if (consumer.fetch is Fetch.ONE or consumer.fetch is Fetch.SCALAR) and raised:
        return
    if consumer.fetch is Fetch.ALL_ROWS:
        checker.expect(len(value) == ROWS, f"{label}: gives {len(value)} rows")
    if consumer.shape is Shape.LIST:
        checker.expect(isinstance(value, list), f"{label}: gives a {type(value).__name__}")
    elif consumer.shape is Shape.BATCHES:
        checker.expect(all(not hasattr(batch, "_sa_instance_state") for batch in value), f"{label}: gives single rows")
    elif consumer.fetch is Fetch.COUNT:
        checker.expect(value == ROWS, f"{label}: gives {value!r}")


async def check_awaitables(checker: Checker) -> None:
    """`connect()` and `begin()` of the async classes can be awaited and entered, which no signature says."""
    for name in (sa.ASYNC_CONNECTION, sa.ASYNC_TRANSACTION, sa.ASYNC_SESSION_TRANSACTION):
        found = resolve(name)
        checker.expect(
            hasattr(found, "__await__") and hasattr(found, "__aenter__"), f"{name}: cannot be awaited and entered"
        )
    checker.expect(not inspect.isawaitable(resolve(sa.ASYNC_SESSION)()), f"{sa.ASYNC_SESSION}: can be awaited")
