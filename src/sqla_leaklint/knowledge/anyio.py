"""AnyIO: task groups, threads and locks."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Executor, Function, Handoff, Kind, Method, Table, Type

_DOCS = "https://anyio.readthedocs.io/en/stable/"
_TASKS = _DOCS + "tasks.html"
_THREADS = _DOCS + "threads.html"

TASK_GROUP = "anyio.abc.TaskGroup"

TABLE = Table(
    "anyio",
    types=(
        Type(TASK_GROUP, Kind.TASK_GROUP, _TASKS),
        Type("anyio.Lock", Kind.LOCK, _DOCS + "synchronization.html"),
    ),
    functions=(Function("anyio.create_task_group", TASK_GROUP, _TASKS),),
    methods=(
        Method(TASK_GROUP, "__aenter__", "await self", _TASKS),
        Method(TASK_GROUP, "__aexit__", "await none", _TASKS),
    ),
    handoffs=(
        Handoff("start_soon", Executor.GATHERED, _TASKS, TASK_GROUP, 0, "func", 1),
        Handoff("anyio.to_thread.run_sync", Executor.AWAITED_THREAD, _THREADS, "", 0, "func", 1),
    ),
)
