"""Starlette: requests, responses and background tasks."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Executor, Handoff, Kind, Method, Table, Type

_DOCS = "https://starlette.dev/"
_BACKGROUND = _DOCS + "background/"
_RESPONSES = _DOCS + "responses/"
_REQUESTS = _DOCS + "requests/"
_THREADS = _DOCS + "threadpool/"

APPLICATION = "starlette.applications.Starlette"
REQUEST = "starlette.requests.Request"
WEBSOCKET = "starlette.websockets.WebSocket"
STATE = "starlette.datastructures.State"
BACKGROUND_TASK = "starlette.background.BackgroundTask"
BACKGROUND_TASKS = "starlette.background.BackgroundTasks"
RESPONSE = "starlette.responses.Response"
STREAMING_RESPONSE = "starlette.responses.StreamingResponse"

TABLE = Table(
    "starlette",
    types=(
        Type(APPLICATION, Kind.APPLICATION, _DOCS + "applications/"),
        Type("starlette.routing.Router", Kind.ROUTER, _DOCS + "routing/"),
        Type("starlette.requests.HTTPConnection", Kind.REQUEST, _REQUESTS, ("fastapi.requests.HTTPConnection",)),
        Type(
            REQUEST,
            Kind.REQUEST,
            _REQUESTS,
            ("fastapi.Request", "fastapi.requests.Request"),
            ("starlette.requests.HTTPConnection",),
        ),
        Type(
            WEBSOCKET,
            Kind.WEBSOCKET,
            _DOCS + "websockets/",
            ("fastapi.WebSocket", "fastapi.websockets.WebSocket"),
            ("starlette.requests.HTTPConnection",),
        ),
        Type(STATE, Kind.STATE, _REQUESTS),
        Type(RESPONSE, Kind.RESPONSE, _RESPONSES, ("fastapi.Response", "fastapi.responses.Response")),
        *(
            Type(f"starlette.responses.{name}", Kind.RESPONSE, _RESPONSES, (f"fastapi.responses.{name}",), (RESPONSE,))
            for name in ("HTMLResponse", "PlainTextResponse", "JSONResponse", "RedirectResponse", "FileResponse")
        ),
        Type(
            STREAMING_RESPONSE,
            Kind.STREAMING_RESPONSE,
            _RESPONSES,
            ("fastapi.responses.StreamingResponse",),
            (RESPONSE,),
        ),
        Type(BACKGROUND_TASK, Kind.BACKGROUND_TASK, _BACKGROUND),
        Type(BACKGROUND_TASKS, Kind.BACKGROUND_TASKS, _BACKGROUND, bases=(BACKGROUND_TASK,)),
        Type("starlette.middleware.base.BaseHTTPMiddleware", Kind.MIDDLEWARE, _DOCS + "middleware/"),
    ),
    methods=(
        Method("starlette.requests.HTTPConnection", "app", APPLICATION, _REQUESTS, is_attribute=True),
        Method(APPLICATION, "state", STATE, _DOCS + "applications/", is_attribute=True, is_set_by_instance=True),
    ),
    handoffs=(
        Handoff("add_task", Executor.BACKGROUND_TASK, _BACKGROUND, BACKGROUND_TASKS, 0, "func", 1),
        Handoff(BACKGROUND_TASK, Executor.BACKGROUND_TASK, _BACKGROUND, "", 0, "func", 1, is_constructor=True),
        Handoff(STREAMING_RESPONSE, Executor.RESPONSE_STREAM, _RESPONSES, "", -1, "content", 0, is_constructor=True),
        Handoff(
            "starlette.concurrency.run_in_threadpool",
            Executor.AWAITED_THREAD,
            _THREADS,
            "",
            0,
            "func",
            1,
            aliases=("fastapi.concurrency.run_in_threadpool",),
        ),
        Handoff(
            "starlette.concurrency.iterate_in_threadpool",
            Executor.AWAITED_THREAD,
            _THREADS,
            "",
            -1,
            "iterator",
            0,
            aliases=("fastapi.concurrency.iterate_in_threadpool",),
        ),
    ),
    decorators=(Decorator("starlette.authentication.requires", Decoration.TRANSPARENT, _DOCS + "authentication/"),),
)
