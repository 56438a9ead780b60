"""FastAPI: applications, routers, dependencies, and when a dependency's exit code runs."""

from __future__ import annotations

from sqla_leaklint.knowledge import starlette
from sqla_leaklint.knowledge.facts import (
    Decoration,
    Decorator,
    DependencyExit,
    Executor,
    Function,
    Handoff,
    Kind,
    Moment,
    Table,
    Type,
    Versions,
)

_DOCS = "https://fastapi.tiangolo.com/"
_API = _DOCS + "reference/fastapi/"
_ROUTER = _DOCS + "reference/apirouter/"
_DEPENDENCIES = _DOCS + "reference/dependencies/"
_BACKGROUND = _DOCS + "reference/background/"
_EXITS = _DOCS + "advanced/advanced-dependencies/"

APPLICATION = "fastapi.FastAPI"
ROUTER = "fastapi.APIRouter"
BACKGROUND_TASKS = "fastapi.BackgroundTasks"
DEPENDS = "fastapi.Depends"
SECURITY = "fastapi.Security"
EVENT_SOURCE = "fastapi.sse.EventSourceResponse"
STREAMS_WHAT_IS_YIELDED = Versions("fastapi", since="0.134.0")
"""Where an endpoint that is a generator is sent item by item; before, all of it was gathered first."""

_EVENTS = _DOCS + "reference/sse/"
_FROM_0_135 = Versions("fastapi", since="0.135.0")
_FROM_0_121 = Versions("fastapi", since="0.121.0")
_ROUTE_METHODS = "get put post delete options head patch trace api_route"

TABLE = Table(
    "fastapi",
    types=(
        Type(APPLICATION, Kind.APPLICATION, _API, ("fastapi.applications.FastAPI",), (starlette.APPLICATION,)),
        Type(ROUTER, Kind.ROUTER, _ROUTER, ("fastapi.routing.APIRouter",), ("starlette.routing.Router",)),
        Type(
            BACKGROUND_TASKS,
            Kind.BACKGROUND_TASKS,
            _BACKGROUND,
            ("fastapi.background.BackgroundTasks",),
            (starlette.BACKGROUND_TASKS,),
        ),
        Type(
            EVENT_SOURCE,
            Kind.STREAMING_RESPONSE,
            _EVENTS,
            bases=(starlette.STREAMING_RESPONSE,),
            versions=_FROM_0_135,
        ),
    ),
    functions=(
        Function(DEPENDS, "dependency", _DEPENDENCIES, ("fastapi.param_functions.Depends",)),
        Function(SECURITY, "dependency", _DEPENDENCIES, ("fastapi.param_functions.Security",)),
    ),
    decorators=(
        *(
            Decorator(name, Decoration.ENDPOINT, docs, owner)
            for owner, docs in ((APPLICATION, _API), (ROUTER, _ROUTER))
            for name in _ROUTE_METHODS.split()
        ),
        *(
            Decorator(name, decoration, docs, owner)
            for owner, docs in ((APPLICATION, _API), (ROUTER, _ROUTER))
            for name, decoration in (
                ("websocket", Decoration.WEBSOCKET_ENDPOINT),
                ("websocket_route", Decoration.WEBSOCKET_ENDPOINT),
                ("on_event", Decoration.LIFECYCLE),
            )
        ),
        Decorator("middleware", Decoration.MIDDLEWARE, _API, APPLICATION),
        Decorator("exception_handler", Decoration.EXCEPTION_HANDLER, _API, APPLICATION),
    ),
    handoffs=(
        Handoff("add_task", Executor.BACKGROUND_TASK, _BACKGROUND, BACKGROUND_TASKS, 0, "func", 1),
        Handoff(
            EVENT_SOURCE,
            Executor.RESPONSE_STREAM,
            _EVENTS,
            callee_keyword="content",
            is_constructor=True,
            versions=_FROM_0_135,
        ),
    ),
    dependency_exits=(
        DependencyExit("request", Moment.AFTER_BACKGROUND_TASKS, _EXITS, Versions("fastapi", until="0.106.0")),
        DependencyExit("request", Moment.BEFORE_RESPONSE, _EXITS, Versions("fastapi", "0.106.0", "0.118.0")),
        DependencyExit("request", Moment.AFTER_BACKGROUND_TASKS, _EXITS, Versions("fastapi", since="0.118.0")),
        DependencyExit("function", Moment.BEFORE_RESPONSE, _EXITS, _FROM_0_121),
    ),
)
