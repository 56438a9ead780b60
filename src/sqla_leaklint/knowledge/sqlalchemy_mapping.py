"""SQLAlchemy: model bases, mapper registries, tables, columns, relationships, pools and event listeners."""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Function, Kind, Table, Type, Versions

_DOCS = "https://docs.sqlalchemy.org/en/20/"
_QUERY = _DOCS + "orm/queryguide/query.html"
_ASYNC = _DOCS + "orm/extensions/asyncio.html"
_MAPPING = _DOCS + "orm/mapping_api.html"
_METADATA = _DOCS + "core/metadata.html"
_POOL = _DOCS + "core/pooling.html"
_FROM_2_0 = Versions("SQLAlchemy", since="2.0")

_MAPPING_TYPES = (
    Type(
        "sqlalchemy.orm.DeclarativeBase",
        Kind.DECLARATIVE_BASE,
        _MAPPING,
        ("sqlalchemy.orm.decl_api.DeclarativeBase",),
        versions=_FROM_2_0,
    ),
    Type(
        "sqlalchemy.orm.DeclarativeBaseNoMeta",
        Kind.DECLARATIVE_BASE,
        _MAPPING,
        ("sqlalchemy.orm.decl_api.DeclarativeBaseNoMeta",),
        versions=_FROM_2_0,
    ),
    Type(
        "sqlalchemy.orm.MappedAsDataclass",
        Kind.MAPPED_MIXIN,
        _MAPPING,
        ("sqlalchemy.orm.decl_api.MappedAsDataclass",),
        versions=_FROM_2_0,
    ),
    Type(
        "sqlalchemy.ext.asyncio.AsyncAttrs", Kind.MAPPED_MIXIN, _ASYNC, versions=Versions("SQLAlchemy", since="2.0.13")
    ),
    Type(
        "sqlalchemy.ext.declarative.DeferredReflection",
        Kind.MAPPED_MIXIN,
        _DOCS + "orm/declarative_tables.html",
        ("sqlalchemy.ext.declarative.extensions.DeferredReflection",),
    ),
    Type(sa.REGISTRY, Kind.MAPPER_REGISTRY, _MAPPING, ("sqlalchemy.orm.decl_api.registry",)),
    Type(sa.METADATA, Kind.METADATA, _METADATA, ("sqlalchemy.schema.MetaData", "sqlalchemy.sql.schema.MetaData")),
    Type(sa.TABLE_CLASS, Kind.TABLE, _METADATA, ("sqlalchemy.schema.Table", "sqlalchemy.sql.schema.Table")),
    Type("sqlalchemy.pool.NullPool", Kind.POOL, _POOL, ("sqlalchemy.NullPool", "sqlalchemy.pool.impl.NullPool")),
    Type("sqlalchemy.pool.StaticPool", Kind.POOL, _POOL, ("sqlalchemy.StaticPool", "sqlalchemy.pool.impl.StaticPool")),
    Type(
        "sqlalchemy.pool.QueuePool", Kind.QUEUE_POOL, _POOL, ("sqlalchemy.QueuePool", "sqlalchemy.pool.impl.QueuePool")
    ),
    Type(
        "sqlalchemy.pool.AsyncAdaptedQueuePool",
        Kind.QUEUE_POOL,
        _POOL,
        ("sqlalchemy.AsyncAdaptedQueuePool", "sqlalchemy.pool.impl.AsyncAdaptedQueuePool"),
    ),
)


_FUNCTIONS = (
    Function(
        "sqlalchemy.orm.declarative_base",
        "class sqlalchemy.orm.DeclarativeBase",
        _MAPPING,
        (
            "sqlalchemy.ext.declarative.declarative_base",
            "sqlalchemy.orm.decl_api.declarative_base",
        ),
    ),
    Function(
        "sqlalchemy.ext.declarative.as_declarative", "class arg cls", _MAPPING, ("sqlalchemy.orm.as_declarative",)
    ),
    Function(
        "sqlalchemy.ext.automap.automap_base",
        "class sqlalchemy.orm.DeclarativeBase",
        _DOCS + "orm/extensions/automap.html",
    ),
    Function("sqlalchemy.orm.aliased", "arg 0", _QUERY, ("sqlalchemy.orm.util.aliased",)),
    Function("sqlalchemy.orm.with_polymorphic", "arg 0", _DOCS + "orm/queryguide/inheritance.html"),
    # `func.<name>` gives the SQL function of that name: see the aggregates.
    Function(
        "sqlalchemy.func",
        "unknown",
        _DOCS + "core/functions.html",
        ("sqlalchemy.sql.func", "sqlalchemy.sql.expression.func"),
    ),
    Function("sqlalchemy.event.listen", "none", _DOCS + "core/event.html", ("sqlalchemy.event.api.listen",)),
    Function(
        "sqlalchemy.event.listens_for", "decorator", _DOCS + "core/event.html", ("sqlalchemy.event.api.listens_for",)
    ),
    Function("sqlalchemy.event.remove", "none", _DOCS + "core/event.html", ("sqlalchemy.event.api.remove",)),
    Function(
        "sqlalchemy.orm.relationship",
        "column",
        _DOCS + "orm/relationship_api.html",
    ),
    Function("sqlalchemy.orm.dynamic_loader", "column", _DOCS + "orm/large_collections.html"),
    Function("sqlalchemy.orm.backref", "column", _DOCS + "orm/relationship_api.html"),
    Function("sqlalchemy.orm.mapped_column", "column", _MAPPING, versions=_FROM_2_0),
    Function("sqlalchemy.orm.column_property", "column", _MAPPING),
    Function("sqlalchemy.orm.deferred", "column", _DOCS + "orm/queryguide/columns.html"),
    Function("sqlalchemy.orm.query_expression", "column", _DOCS + "orm/queryguide/columns.html"),
    Function("sqlalchemy.orm.synonym", "column", _DOCS + "orm/mapped_attributes.html"),
    Function("sqlalchemy.orm.composite", "column", _DOCS + "orm/composites.html"),
    Function(
        "sqlalchemy.ext.associationproxy.association_proxy",
        "column",
        _DOCS + "orm/extensions/associationproxy.html",
    ),
    Function("sqlalchemy.Column", "column", _METADATA, ("sqlalchemy.schema.Column", "sqlalchemy.sql.schema.Column")),
    Function(
        "sqlalchemy.ForeignKey",
        "schema item",
        _METADATA,
        ("sqlalchemy.schema.ForeignKey", "sqlalchemy.sql.schema.ForeignKey"),
    ),
    Function("sqlalchemy.UniqueConstraint", "schema item", _METADATA, ("sqlalchemy.schema.UniqueConstraint",)),
    Function("sqlalchemy.PrimaryKeyConstraint", "schema item", _METADATA, ("sqlalchemy.schema.PrimaryKeyConstraint",)),
    Function("sqlalchemy.Index", "schema item", _METADATA, ("sqlalchemy.schema.Index", "sqlalchemy.sql.schema.Index")),
    Function("sqlalchemy.orm.declared_attr", "decorator", _MAPPING, ("sqlalchemy.ext.declarative.declared_attr",)),
    Function("sqlalchemy.ext.hybrid.hybrid_property", "decorator", _DOCS + "orm/extensions/hybrid.html"),
)

TABLE = Table("SQLAlchemy", types=_MAPPING_TYPES, functions=_FUNCTIONS)
