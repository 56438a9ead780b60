"""The words that rows use: roles, effects, shapes and moments."""

from __future__ import annotations

from enum import Enum


class Kind(str, Enum):
    """What role the instances of a class play."""

    SESSION = "session"
    ASYNC_SESSION = "async session"
    SESSION_FACTORY = "session factory"
    SESSION_REGISTRY = "session registry"
    ENGINE = "engine"
    ASYNC_ENGINE = "async engine"
    CONNECTION = "connection"
    ASYNC_CONNECTION = "async connection"
    TRANSACTION = "transaction"
    RESULT = "result"
    STATEMENT = "statement"
    LEGACY_QUERY = "legacy query"
    DECLARATIVE_BASE = "declarative base"
    APPLICATION = "application"
    ROUTER = "router"
    REQUEST = "request"
    BACKGROUND_TASKS = "background tasks"
    BACKGROUND_TASK = "background task"
    STREAMING_RESPONSE = "streaming response"
    TASK_QUEUE = "task queue"
    MESSAGES = "consumer of messages"
    EXIT_STACK = "exit stack"
    BOUNDED_CONTAINER = "bounded container"
    GROWING_CONTAINER = "growing container"
    WEAK_CONTAINER = "weak container"
    RESOURCE = "resource"
    CLAUSE = "clause"
    MAPPED_MIXIN = "mapped mixin"
    MAPPER_REGISTRY = "mapper registry"
    METADATA = "metadata"
    TABLE = "table"
    POOL = "pool"
    QUEUE_POOL = "pool with a queue"
    """Keeps connections for whoever asks next, up to some number."""
    WEBSOCKET = "websocket"
    STATE = "application state"
    RESPONSE = "response"
    MIDDLEWARE = "middleware"
    CONTEXT_VARIABLE = "context variable"
    THREAD_LOCAL = "thread local"
    TASK_GROUP = "task group"
    EVENT_LOOP = "event loop"
    LOCK = "lock"
    EXECUTOR = "executor"
    TASK = "task"
    COMMAND_LINE = "command line"
    DATABASE_EXTENSION = "database extension"
    PAGE = "page"
    DATAFRAME = "dataframe"
    BUFFER = "buffer"
    """A file that is in memory."""
    ROW_WRITER = "row writer"
    """Writes rows to the file that it is made of."""
    PROFILER = "profiler"


class Effect(str, Enum):
    """What calling a method does to the receiver's lifetime or transaction."""

    RELEASES = "releases"
    ENDS_TRANSACTION = "ends the transaction"
    BEGINS = "begins a transaction"
    RUNS_SQL = "runs SQL"
    FLUSHES = "flushes"
    QUEUES = "queues work for the next flush"
    CONNECTS = "opens a connection that the client or engine keeps"
    REMOVES = "removes entries"
    GROWS = "adds entries"
    RECEIVES = "takes what others send"


class Role(str, Enum):
    """What a method of a statement, query or result does to the rows that will come."""

    FILTERS = "filters"
    BOUNDS = "bounds"
    OFFSETS = "offsets"
    GROUPS = "groups"
    DISTINCT = "distinct"
    ORDERS = "orders"
    JOINS = "joins"
    LOADS = "loads"
    LOCKS = "locks"
    STREAMS = "streams"
    SOURCES = "sources"
    PROJECTS = "projects"
    COMBINES = "combines"
    WRITES = "writes"
    RETURNING = "returning"
    NEUTRAL = "neutral"


class Fetch(str, Enum):
    """How many rows a consumer brings to Python."""

    ALL_ROWS = "all rows"
    SOME_ROWS = "some rows"
    FIRST = "first"
    ONE = "one"
    SCALAR = "scalar"
    COUNT = "count"
    EXISTS = "exists"
    STREAMED = "streamed"


class Shape(str, Enum):
    """In what shape they come.  `CLAUSE`: not as rows at all but as SQL for another statement."""

    LIST = "list"
    ITERATOR = "iterator"
    BATCHES = "batches"
    ROW = "row"
    OPTIONAL_ROW = "optional row"
    VALUE = "value"
    CLAUSE = "clause"


class LoadStrategy(str, Enum):
    """When and by what statement a relationship is loaded."""

    JOINED = "joined"
    SELECTIN = "selectin"
    SUBQUERY = "subquery"
    IMMEDIATE = "immediate"
    LAZY = "lazy"
    RAISE = "raise"
    NONE = "none"
    DYNAMIC = "dynamic"
    WRITE_ONLY = "write only"
    COLUMNS = "columns"
    JOINED_BY_QUERY = "joined by the query"
    NEUTRAL = "as the model says"


class Decoration(str, Enum):
    """What a decorator makes of the function below it."""

    CONTEXT_MANAGER = "context manager"
    ASYNC_CONTEXT_MANAGER = "async context manager"
    ENDPOINT = "endpoint"
    WEBSOCKET_ENDPOINT = "websocket endpoint"
    MIDDLEWARE = "middleware"
    EXCEPTION_HANDLER = "exception handler"
    LIFECYCLE = "lifecycle"
    TEARDOWN = "teardown"
    TASK = "task"
    COMMAND = "command"
    EVENT_LISTENER = "event listener"
    FIXTURE = "fixture"
    PROFILED = "profiled"
    TRANSPARENT = "transparent"
    CACHED = "cached"


class Executor(str, Enum):
    """Who runs work that is handed over, hence for how long its arguments must live."""

    BACKGROUND_TASK = "background task"
    RESPONSE_STREAM = "response stream"
    EVENT_LOOP = "event loop task"
    GATHERED = "gathered coroutines"
    THREAD = "thread"
    AWAITED_THREAD = "awaited thread"
    PROCESS = "process"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class Moment(str, Enum):
    """When the code after a dependency's `yield` runs: before the response is sent, or after its background tasks."""

    BEFORE_RESPONSE = "before the response"
    AFTER_BACKGROUND_TASKS = "after the background tasks"


class Wire(str, Enum):
    """In what form arguments go to a worker in another process."""

    JSON = "JSON"
    JSON_UNLESS_CONFIGURED = "JSON, unless another serializer is configured"
    PICKLE = "pickle"
