"""Flask-SQLAlchemy, and what extends it: one object that holds a registry (removed when the application context ends)
and a model base.
"""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Consumer, Effect, Fetch, Kind, Method, Shape, Table, Type, Versions

_API = "https://flask-sqlalchemy.readthedocs.io/en/stable/api/"
_FROM_3 = Versions("Flask-SQLAlchemy", since="3.0")
_UNTIL_3 = Versions("Flask-SQLAlchemy", until="3.0")

EXTENSION = "flask_sqlalchemy.SQLAlchemy"
MODEL = "flask_sqlalchemy.model.Model"
QUERY = "flask_sqlalchemy.query.Query"
PAGINATION = "flask_sqlalchemy.pagination.Pagination"
REGISTRY = "flask_sqlalchemy.SQLAlchemy.session"
SESSION = "flask_sqlalchemy.session.Session"

TABLE = Table(
    "Flask-SQLAlchemy",
    types=(
        Type(
            EXTENSION,
            Kind.DATABASE_EXTENSION,
            _API,
            ("flask_sqlalchemy.extension.SQLAlchemy",),
            falls_back_to=("sqlalchemy", "sqlalchemy.orm"),
        ),
        Type(MODEL, Kind.DECLARATIVE_BASE, _API),
        Type(QUERY, Kind.LEGACY_QUERY, _API, ("flask_sqlalchemy.BaseQuery",), (sa.QUERY,), versions=_FROM_3),
        Type(SESSION, Kind.SESSION, _API, ("flask_sqlalchemy.SignallingSession",), (sa.SESSION,), versions=_FROM_3),
        Type(PAGINATION, Kind.PAGE, _API, ("flask_sqlalchemy.Pagination",), versions=_FROM_3),
        # Not a class of its own in the library: `db.session` is a scoped_session that a teardown function removes.
        Type(
            REGISTRY,
            Kind.SESSION_REGISTRY,
            _API,
            bases=(sa.SCOPED_SESSION,),
            makes=SESSION,
            is_torn_down=True,
            is_virtual=True,
        ),
    ),
    methods=(
        Method(EXTENSION, "session", REGISTRY, _API, is_attribute=True, is_set_by_instance=True),
        Method(EXTENSION, "Model", f"class {MODEL}", _API, is_attribute=True, is_set_by_instance=True),
        Method(EXTENSION, "Query", f"class {QUERY}", _API, is_attribute=True, is_set_by_instance=True),
        Method(EXTENSION, "engine", sa.ENGINE, _API, is_attribute=True),
        Method(EXTENSION, "metadata", sa.METADATA, _API, is_attribute=True),
        Method(EXTENSION, "create_all", "none", _API, Effect.RUNS_SQL),
        Method(EXTENSION, "drop_all", "none", _API, Effect.RUNS_SQL),
        Method(EXTENSION, "relationship", "column", _API, is_set_by_instance=True),
        Method(EXTENSION, "dynamic_loader", "column", _API, is_set_by_instance=True),
        Method(EXTENSION, "init_app", "none", _API),
        # A registry of its own at every call: what is torn down is `db.session` alone.
        Method(EXTENSION, "create_scoped_session", sa.SCOPED_SESSION, _API, versions=_UNTIL_3),
        Method(MODEL, "query", QUERY, _API, is_attribute=True, is_set_by_instance=True),
    ),
    consumers=(
        Consumer(
            EXTENSION, "paginate", Fetch.SOME_ROWS, Shape.LIST, _API, True, takes_statement=True, versions=_FROM_3
        ),
        Consumer(EXTENSION, "get_or_404", Fetch.ONE, Shape.ROW, _API, True, versions=_FROM_3),
        Consumer(EXTENSION, "first_or_404", Fetch.FIRST, Shape.ROW, _API, takes_statement=True, versions=_FROM_3),
        Consumer(EXTENSION, "one_or_404", Fetch.ONE, Shape.ROW, _API, takes_statement=True, versions=_FROM_3),
        Consumer(QUERY, "paginate", Fetch.SOME_ROWS, Shape.LIST, _API, True, versions=_FROM_3),
        Consumer(QUERY, "get_or_404", Fetch.ONE, Shape.ROW, _API, True, versions=_FROM_3),
        Consumer(QUERY, "first_or_404", Fetch.FIRST, Shape.ROW, _API, True, versions=_FROM_3),
        Consumer(QUERY, "one_or_404", Fetch.ONE, Shape.ROW, _API, versions=_FROM_3),
    ),
)

_APPBUILDER = "https://flask-appbuilder.readthedocs.io/en/latest/"

APPBUILDER = Table(
    "Flask-AppBuilder",
    types=(
        Type(
            "flask_appbuilder.SQLA",
            Kind.DATABASE_EXTENSION,
            _APPBUILDER,
            ("flask_appbuilder.models.sqla.SQLA",),
            (EXTENSION,),
        ),
    ),
)
