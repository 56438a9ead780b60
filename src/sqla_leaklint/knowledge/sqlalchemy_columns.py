"""SQLAlchemy: column types and which of them are large, aggregates, loader options and the values of `lazy=`."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Aggregate, ColumnType, LazyValue, LoaderOption, LoadStrategy, Table, Versions

_TYPES = "https://docs.sqlalchemy.org/en/20/core/type_basics.html"
_DIALECTS = "https://docs.sqlalchemy.org/en/20/dialects/"
_FUNCTIONS = "https://docs.sqlalchemy.org/en/20/core/functions.html"
_RELATIONS = "https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html"
_COLUMNS = "https://docs.sqlalchemy.org/en/20/orm/queryguide/columns.html"
_FROM_2_0 = Versions("SQLAlchemy", since="2.0")

_LARGE = "Text UnicodeText LargeBinary PickleType JSON ARRAY TEXT BLOB CLOB"
_SMALL = (
    "BigInteger Boolean Date DateTime Enum Float Integer Interval Numeric SmallInteger String Time Unicode "
    "BIGINT BINARY BOOLEAN CHAR DATE DATETIME DECIMAL FLOAT INT INTEGER NCHAR NUMERIC NVARCHAR REAL SMALLINT TIME "
    "TIMESTAMP VARBINARY VARCHAR"
)
_SMALL_FROM_2_0 = "Double Uuid UUID DOUBLE DOUBLE_PRECISION"
_DIALECT_TYPES: dict[str, tuple[str, str]] = {
    "postgresql": (
        "ARRAY BYTEA HSTORE JSON JSONB TEXT TSVECTOR",
        (
            "BIGINT BIT BOOLEAN CHAR CIDR DATE DOUBLE_PRECISION ENUM FLOAT INET INTEGER INTERVAL MACADDR MONEY NUMERIC "
            "OID REAL SMALLINT TIME TIMESTAMP UUID VARCHAR INT4RANGE INT8RANGE NUMRANGE DATERANGE TSRANGE TSTZRANGE"
        ),
    ),
    "mysql": (
        "BLOB JSON LONGBLOB LONGTEXT MEDIUMBLOB MEDIUMTEXT TEXT",
        (
            "BIGINT BINARY BIT BOOLEAN CHAR DATE DATETIME DECIMAL DOUBLE ENUM FLOAT INTEGER MEDIUMINT NCHAR NUMERIC "
            "NVARCHAR REAL SET SMALLINT TIME TIMESTAMP TINYBLOB TINYINT TINYTEXT VARBINARY VARCHAR YEAR"
        ),
    ),
    "mssql": (
        "IMAGE NTEXT TEXT XML JSON",
        (
            "BIGINT BINARY BIT CHAR DATE DATETIME DATETIME2 DATETIMEOFFSET DECIMAL FLOAT INTEGER MONEY NCHAR NUMERIC "
            "NVARCHAR REAL SMALLDATETIME SMALLINT SMALLMONEY TIME TIMESTAMP TINYINT UNIQUEIDENTIFIER VARBINARY VARCHAR"
        ),
    ),
    "oracle": (
        "BFILE BLOB CLOB LONG NCLOB",
        "CHAR DATE DOUBLE_PRECISION FLOAT INTERVAL NCHAR NUMBER NVARCHAR NVARCHAR2 RAW TIMESTAMP VARCHAR VARCHAR2",
    ),
    "sqlite": (
        "BLOB JSON TEXT",
        "BOOLEAN CHAR DATE DATETIME DECIMAL FLOAT INTEGER NUMERIC REAL SMALLINT TIME TIMESTAMP VARCHAR",
    ),
}

_COLUMN_TYPES = (
    *(ColumnType(f"sqlalchemy.{name}", True, _TYPES, (f"sqlalchemy.types.{name}",)) for name in _LARGE.split()),
    *(ColumnType(f"sqlalchemy.{name}", False, _TYPES, (f"sqlalchemy.types.{name}",)) for name in _SMALL.split()),
    *(
        ColumnType(f"sqlalchemy.{name}", False, _TYPES, (f"sqlalchemy.types.{name}",), _FROM_2_0)
        for name in _SMALL_FROM_2_0.split()
    ),
    *(
        ColumnType(f"sqlalchemy.dialects.{dialect}.{name}", is_large, f"{_DIALECTS}{dialect}.html")
        for dialect, (large, small) in _DIALECT_TYPES.items()
        for is_large, names in ((True, large), (False, small))
        for name in names.split()
    ),
)

_AGGREGATES = tuple(
    Aggregate(name, _FUNCTIONS)
    for name in [
        "count",
        "sum",
        "max",
        "min",
        "avg",
        "total",
        "bool_and",
        "bool_or",
        "every",
        "bit_and",
        "bit_or",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "median",
        "mode",
        "percentile_cont",
        "percentile_disc",
        "array_agg",
        "string_agg",
        "group_concat",
        "listagg",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "json_group_array",
        "json_group_object",
        "json_arrayagg",
        "json_objectagg",
        "aggregate_strings",
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_slope",
        "regr_intercept",
        "count_if",
        "any_value",
    ]
)

_LOADER_OPTIONS = (
    *(
        LoaderOption(f"sqlalchemy.orm.{name}", strategy, docs)
        for name, strategy, docs in (
            ("joinedload", LoadStrategy.JOINED, _RELATIONS),
            ("selectinload", LoadStrategy.SELECTIN, _RELATIONS),
            ("subqueryload", LoadStrategy.SUBQUERY, _RELATIONS),
            ("immediateload", LoadStrategy.IMMEDIATE, _RELATIONS),
            ("lazyload", LoadStrategy.LAZY, _RELATIONS),
            ("defaultload", LoadStrategy.NEUTRAL, _RELATIONS),
            ("noload", LoadStrategy.NONE, _RELATIONS),
            ("raiseload", LoadStrategy.RAISE, _RELATIONS),
            ("contains_eager", LoadStrategy.JOINED_BY_QUERY, _RELATIONS),
            ("load_only", LoadStrategy.COLUMNS, _COLUMNS),
            ("defer", LoadStrategy.COLUMNS, _COLUMNS),
            ("undefer", LoadStrategy.COLUMNS, _COLUMNS),
            ("undefer_group", LoadStrategy.COLUMNS, _COLUMNS),
            ("with_expression", LoadStrategy.COLUMNS, _COLUMNS),
            ("selectin_polymorphic", LoadStrategy.NEUTRAL, _RELATIONS),
        )
    ),
    LoaderOption("sqlalchemy.orm.with_loader_criteria", LoadStrategy.NEUTRAL, _RELATIONS),
    LoaderOption("sqlalchemy.orm.Load", LoadStrategy.NEUTRAL, _RELATIONS, ("sqlalchemy.orm.strategy_options.Load",)),
)

_LAZY_VALUES = (
    LazyValue("select", LoadStrategy.LAZY, _RELATIONS),
    LazyValue(True, LoadStrategy.LAZY, _RELATIONS),
    LazyValue("joined", LoadStrategy.JOINED, _RELATIONS),
    LazyValue(False, LoadStrategy.JOINED, _RELATIONS),
    LazyValue("selectin", LoadStrategy.SELECTIN, _RELATIONS),
    LazyValue("subquery", LoadStrategy.SUBQUERY, _RELATIONS),
    LazyValue("immediate", LoadStrategy.IMMEDIATE, _RELATIONS),
    LazyValue("raise", LoadStrategy.RAISE, _RELATIONS),
    LazyValue("raise_on_sql", LoadStrategy.RAISE, _RELATIONS),
    LazyValue("noload", LoadStrategy.NONE, _RELATIONS),
    LazyValue(None, LoadStrategy.NONE, _RELATIONS),
    LazyValue("dynamic", LoadStrategy.DYNAMIC, _RELATIONS),
    LazyValue("write_only", LoadStrategy.WRITE_ONLY, _RELATIONS, _FROM_2_0),
)

TABLE = Table(
    "SQLAlchemy",
    column_types=_COLUMN_TYPES,
    aggregates=_AGGREGATES,
    loader_options=_LOADER_OPTIONS,
    lazy_values=_LAZY_VALUES,
)
