"""The standard library: context managers, memoization, containers, files, tasks, threads and processes."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import (
    Decoration,
    Decorator,
    Effect,
    Executor,
    Function,
    Handoff,
    Kind,
    Memoizer,
    Method,
    Table,
    Type,
)
from sqla_leaklint.knowledge.waits import Awaited, Wait

_DOCS = "https://docs.python.org/3/library/"
_CONTEXTLIB = _DOCS + "contextlib.html"
_FUNCTOOLS = _DOCS + "functools.html"
_STDTYPES = _DOCS + "stdtypes.html"
_COLLECTIONS = _DOCS + "collections.html"
_WEAKREF = _DOCS + "weakref.html"
_TASKS = _DOCS + "asyncio-task.html"
_LOOP = _DOCS + "asyncio-eventloop.html"
_FUTURES = _DOCS + "concurrent.futures.html"
_THREADING = _DOCS + "threading.html"
_PROCESSES = _DOCS + "multiprocessing.html"

EXIT_STACK = "contextlib.ExitStack"
ASYNC_EXIT_STACK = "contextlib.AsyncExitStack"
CONTEXT_VAR = "contextvars.ContextVar"
CSV_WRITER = "_csv.Writer"

_DICT_METHODS = (("__setitem__ setdefault update", Effect.GROWS), ("__delitem__ pop popitem clear", Effect.REMOVES))
_LIST_METHODS = (("append extend insert __iadd__", Effect.GROWS), ("__delitem__ pop remove clear", Effect.REMOVES))
_SET_METHODS = (
    ("add update __ior__ symmetric_difference_update", Effect.GROWS),
    ("discard remove pop clear difference_update intersection_update", Effect.REMOVES),
)
_DEQUE_METHODS = (
    ("append appendleft extend extendleft insert", Effect.GROWS),
    ("pop popleft remove clear __delitem__", Effect.REMOVES),
)
_QUEUE_METHODS = (("put put_nowait", Effect.GROWS), ("get get_nowait", Effect.REMOVES))
_WEAK_SET_METHODS = (("add update", Effect.GROWS), ("discard remove pop clear", Effect.REMOVES))
_COROUTINES = {("asyncio.Queue", "put"), ("asyncio.Queue", "get")}
_CONTAINERS = (
    ("builtins.dict", Kind.GROWING_CONTAINER, _STDTYPES, "", _DICT_METHODS),
    ("builtins.list", Kind.GROWING_CONTAINER, _STDTYPES, "", _LIST_METHODS),
    ("builtins.set", Kind.GROWING_CONTAINER, _STDTYPES, "", _SET_METHODS),
    ("collections.defaultdict", Kind.GROWING_CONTAINER, _COLLECTIONS, "builtins.dict", ()),
    ("collections.OrderedDict", Kind.GROWING_CONTAINER, _COLLECTIONS, "builtins.dict", ()),
    ("collections.Counter", Kind.GROWING_CONTAINER, _COLLECTIONS, "builtins.dict", ()),
    ("collections.UserDict", Kind.GROWING_CONTAINER, _COLLECTIONS, "", _DICT_METHODS),
    ("collections.UserList", Kind.GROWING_CONTAINER, _COLLECTIONS, "", _LIST_METHODS),
    # Bounded only when it is given `maxlen`.
    ("collections.deque", Kind.GROWING_CONTAINER, _COLLECTIONS, "", _DEQUE_METHODS),
    ("queue.Queue", Kind.GROWING_CONTAINER, _DOCS + "queue.html", "", _QUEUE_METHODS),
    ("asyncio.Queue", Kind.GROWING_CONTAINER, _DOCS + "asyncio-queue.html", "", _QUEUE_METHODS),
    ("weakref.WeakKeyDictionary", Kind.WEAK_CONTAINER, _WEAKREF, "", _DICT_METHODS),
    ("weakref.WeakValueDictionary", Kind.WEAK_CONTAINER, _WEAKREF, "", _DICT_METHODS),
    ("weakref.WeakSet", Kind.WEAK_CONTAINER, _WEAKREF, "", _WEAK_SET_METHODS),
)

_CONTEXT_FUNCTIONS = (
    Function("contextlib.closing", "enter arg 0", _CONTEXTLIB),
    Function("contextlib.aclosing", "enter arg 0", _CONTEXTLIB),
    Function("contextlib.nullcontext", "enter arg 0", _CONTEXTLIB),
    Function("contextlib.suppress", "enter none", _CONTEXTLIB),
    Function("functools.partial", "partial", _FUNCTOOLS),
    Function("copy.copy", "arg 0", _DOCS + "copy.html"),
    Function("typing.cast", "arg 1", _DOCS + "typing.html", ("typing_extensions.cast",)),
    Function("asyncio.shield", "await arg 0", _TASKS),
    Function("asyncio.wait_for", "await arg 0", _TASKS),
    Function("asyncio.run", "await arg 0", _DOCS + "asyncio-runner.html"),
    Function("builtins.next", "element arg 0", _DOCS + "functions.html"),
    Function("builtins.anext", "await element arg 0", _DOCS + "functions.html"),
    Function("builtins.open", "file", _DOCS + "functions.html", ("io.open",)),
    Function("csv.writer", CSV_WRITER, _DOCS + "csv.html"),
    Function("gc.collect", "none", _DOCS + "gc.html"),
    Function("gc.disable", "none", _DOCS + "gc.html"),
    Function("gc.freeze", "none", _DOCS + "gc.html"),
    *(Function(f"gc.{name}", "heap", _DOCS + "gc.html") for name in ("get_objects", "get_referrers", "get_referents")),
    Function("tracemalloc.start", "none", _DOCS + "tracemalloc.html"),
    Function("tracemalloc.stop", "none", _DOCS + "tracemalloc.html"),
    Function("tracemalloc.take_snapshot", "heap", _DOCS + "tracemalloc.html"),
    Function("tracemalloc.get_object_traceback", "heap", _DOCS + "tracemalloc.html"),
    Function("tracemalloc.get_traced_memory", "unknown", _DOCS + "tracemalloc.html"),
)

_METHODS = (
    *(
        Method(owner, name, "await unknown" if (owner, name) in _COROUTINES else "unknown", docs, effect)
        for owner, _, docs, _, groups in _CONTAINERS
        for names, effect in groups
        for name in names.split()
    ),
    *(
        method
        for owner in (EXIT_STACK, ASYNC_EXIT_STACK)
        for method in (
            Method(owner, "enter_context", "entered arg 0", _CONTEXTLIB),
            Method(owner, "push", "arg 0", _CONTEXTLIB),
            Method(owner, "callback", "arg 0", _CONTEXTLIB),
            Method(owner, "pop_all", "self", _CONTEXTLIB),
        )
    ),
    Method("asyncio.TaskGroup", "__aenter__", "await self", _TASKS),
    Method("asyncio.TaskGroup", "__aexit__", "await none", _TASKS),
    Method(EXIT_STACK, "close", "none", _CONTEXTLIB, Effect.RELEASES),
    Method(EXIT_STACK, "__enter__", "self", _CONTEXTLIB),
    Method(EXIT_STACK, "__exit__", "none", _CONTEXTLIB, Effect.RELEASES),
    Method(ASYNC_EXIT_STACK, "enter_async_context", "await entered arg 0", _CONTEXTLIB),
    Method(ASYNC_EXIT_STACK, "push_async_exit", "arg 0", _CONTEXTLIB),
    Method(ASYNC_EXIT_STACK, "push_async_callback", "arg 0", _CONTEXTLIB),
    Method(ASYNC_EXIT_STACK, "aclose", "await none", _CONTEXTLIB, Effect.RELEASES),
    Method(ASYNC_EXIT_STACK, "__aenter__", "await self", _CONTEXTLIB),
    Method(ASYNC_EXIT_STACK, "__aexit__", "await none", _CONTEXTLIB, Effect.RELEASES),
    Method("io.IOBase", "close", "none", _DOCS + "io.html", Effect.RELEASES),
    Method("io.IOBase", "__enter__", "self", _DOCS + "io.html"),
    Method("io.IOBase", "__exit__", "none", _DOCS + "io.html", Effect.RELEASES),
    Method(CONTEXT_VAR, "get", "unknown", _DOCS + "contextvars.html"),
    Method(CONTEXT_VAR, "set", "unknown", _DOCS + "contextvars.html"),
    Method(CONTEXT_VAR, "reset", "none", _DOCS + "contextvars.html"),
    Method("concurrent.futures.ThreadPoolExecutor", "__enter__", "self", _FUTURES),
    Method("concurrent.futures.ThreadPoolExecutor", "__exit__", "none", _FUTURES, Effect.RELEASES),
    Method("concurrent.futures.ProcessPoolExecutor", "__enter__", "self", _FUTURES),
    Method("concurrent.futures.ProcessPoolExecutor", "__exit__", "none", _FUTURES, Effect.RELEASES),
)

_HANDOFFS = (
    Handoff("asyncio.create_task", Executor.EVENT_LOOP, _TASKS),
    Handoff("asyncio.ensure_future", Executor.EVENT_LOOP, _TASKS),
    Handoff("asyncio.run_coroutine_threadsafe", Executor.EVENT_LOOP, _TASKS),
    Handoff("asyncio.gather", Executor.GATHERED, _TASKS),
    Handoff("asyncio.wait", Executor.GATHERED, _TASKS),
    Handoff("asyncio.as_completed", Executor.GATHERED, _TASKS),
    Handoff("create_task", Executor.GATHERED, _TASKS, "asyncio.TaskGroup"),
    Handoff("create_task", Executor.EVENT_LOOP, _LOOP, "asyncio.AbstractEventLoop"),
    Handoff("call_soon", Executor.EVENT_LOOP, _LOOP, "asyncio.AbstractEventLoop", 0, "callback", 1),
    Handoff("call_soon_threadsafe", Executor.EVENT_LOOP, _LOOP, "asyncio.AbstractEventLoop", 0, "callback", 1),
    Handoff("call_later", Executor.EVENT_LOOP, _LOOP, "asyncio.AbstractEventLoop", 1, "callback", 2),
    Handoff("call_at", Executor.EVENT_LOOP, _LOOP, "asyncio.AbstractEventLoop", 1, "callback", 2),
    Handoff("run_in_executor", Executor.AWAITED_THREAD, _LOOP, "asyncio.AbstractEventLoop", 1, "func", 2),
    Handoff("asyncio.to_thread", Executor.AWAITED_THREAD, _TASKS, "", 0, "func", 1),
    Handoff("threading.Thread", Executor.THREAD, _THREADING, "", 1, "target", 3, is_constructor=True),
    Handoff("threading.Timer", Executor.THREAD, _THREADING, "", 1, "function", 2, is_constructor=True),
    Handoff("multiprocessing.Process", Executor.PROCESS, _PROCESSES, "", 1, "target", 3, is_constructor=True),
    *(
        Handoff(name, executor, _FUTURES, owner, 0, "fn", 1)
        for owner, executor in (
            ("concurrent.futures.Executor", Executor.THREAD),
            ("concurrent.futures.ThreadPoolExecutor", Executor.THREAD),
            ("concurrent.futures.ProcessPoolExecutor", Executor.PROCESS),
        )
        for name in ("submit", "map")
    ),
)

TABLE = Table(
    "",
    types=(
        Type(EXIT_STACK, Kind.EXIT_STACK, _CONTEXTLIB),
        Type(ASYNC_EXIT_STACK, Kind.EXIT_STACK, _CONTEXTLIB),
        Type("io.IOBase", Kind.RESOURCE, _DOCS + "io.html"),
        Type("io.StringIO", Kind.BUFFER, _DOCS + "io.html"),
        Type("io.BytesIO", Kind.BUFFER, _DOCS + "io.html"),
        Type("csv.DictWriter", Kind.ROW_WRITER, _DOCS + "csv.html"),
        Type(CSV_WRITER, Kind.ROW_WRITER, _DOCS + "csv.html"),
        Type(CONTEXT_VAR, Kind.CONTEXT_VARIABLE, _DOCS + "contextvars.html"),
        Type("asyncio.TaskGroup", Kind.TASK_GROUP, _TASKS, ("asyncio.taskgroups.TaskGroup",)),
        Type("asyncio.AbstractEventLoop", Kind.EVENT_LOOP, _LOOP, ("asyncio.events.AbstractEventLoop",)),
        Type("concurrent.futures.Executor", Kind.EXECUTOR, _FUTURES),
        Type("concurrent.futures.ThreadPoolExecutor", Kind.EXECUTOR, _FUTURES, bases=("concurrent.futures.Executor",)),
        Type("concurrent.futures.ProcessPoolExecutor", Kind.EXECUTOR, _FUTURES, bases=("concurrent.futures.Executor",)),
        Type("threading.local", Kind.THREAD_LOCAL, _THREADING),
        Type("asyncio.Lock", Kind.LOCK, _DOCS + "asyncio-sync.html", ("asyncio.locks.Lock",)),
        Type("threading.Condition", Kind.LOCK, _THREADING),
        # `Lock` and `RLock` are functions in most versions.
        Type("threading.lock", Kind.LOCK, _THREADING, bases=("threading.Condition",), is_virtual=True),
        *(Type(name, kind, docs, bases=(base,) if base else ()) for name, kind, docs, base, _ in _CONTAINERS),
    ),
    functions=(
        *_CONTEXT_FUNCTIONS,
        Function("asyncio.get_running_loop", "asyncio.AbstractEventLoop", _LOOP),
        Function("asyncio.get_event_loop", "asyncio.AbstractEventLoop", _LOOP),
        Function("threading.Lock", "threading.lock", _THREADING),
        Function("threading.RLock", "threading.lock", _THREADING),
        Function("asyncio.sleep", "await none", _TASKS),
        Function("time.sleep", "none", _DOCS + "time.html"),
    ),
    methods=_METHODS,
    decorators=(
        Decorator("contextlib.contextmanager", Decoration.CONTEXT_MANAGER, _CONTEXTLIB),
        Decorator("contextlib.asynccontextmanager", Decoration.ASYNC_CONTEXT_MANAGER, _CONTEXTLIB),
        Decorator("functools.wraps", Decoration.TRANSPARENT, _FUNCTOOLS),
        Decorator("atexit.register", Decoration.LIFECYCLE, _DOCS + "atexit.html"),
    ),
    memoizers=(
        Memoizer("functools.cache", _FUNCTOOLS),
        Memoizer("functools.lru_cache", _FUNCTOOLS, "maxsize", 128),
    ),
    handoffs=_HANDOFFS,
    waits=(
        Wait("time.sleep", Awaited.TIME, _DOCS + "time.html"),
        Wait("asyncio.sleep", Awaited.TIME, _TASKS, is_async=True, aliases=("asyncio.tasks.sleep",)),
        Wait("urllib.request.urlopen", Awaited.ANSWER, _DOCS + "urllib.request.html"),
    ),
)
