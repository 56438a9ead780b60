"""Task queues, schedulers and command lines: who runs a function outside of a request, and how work is sent there."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Executor, Function, Handoff, Kind, Table, Type, Wire

_JOBLIB = "https://joblib.readthedocs.io/en/stable/generated/joblib.delayed.html"
_CELERY = "https://docs.celeryq.dev/en/stable/userguide/"
_CELERY_APP = "celery.Celery"
_CELERY_TASK = "celery.Task"

_CELERY_SWITCHES = ("kombu.utils.json.register_type", "kombu.serialization.register")
_CALLING, _CANVAS = _CELERY + "calling.html", _CELERY + "canvas.html"


def _to_celery(name: str, owner: str, docs: str = _CALLING, first_argument: int = 0) -> Handoff:
    return Handoff(
        name,
        Executor.WORKER,
        docs,
        owner,
        first_argument=first_argument,
        wire=Wire.JSON_UNLESS_CONFIGURED,
        wire_switches=_CELERY_SWITCHES,
    )


CELERY = Table(
    "celery",
    types=(
        Type(_CELERY_APP, Kind.TASK_QUEUE, _CELERY + "application.html", ("celery.app.base.Celery",)),
        Type(_CELERY_TASK, Kind.TASK, _CELERY + "tasks.html", ("celery.app.task.Task",)),
    ),
    decorators=(
        Decorator("task", Decoration.TASK, _CELERY + "tasks.html", _CELERY_APP, makes=_CELERY_TASK),
        Decorator(
            "celery.shared_task",
            Decoration.TASK,
            _CELERY + "tasks.html",
            aliases=("celery.app.shared_task",),
            makes=_CELERY_TASK,
        ),
    ),
    handoffs=(
        _to_celery("delay", _CELERY_TASK),
        _to_celery("apply_async", _CELERY_TASK),
        _to_celery("s", _CELERY_TASK, _CANVAS),
        _to_celery("si", _CELERY_TASK, _CANVAS),
        _to_celery("send_task", _CELERY_APP, first_argument=1),
    ),
)

_RQ = "https://python-rq.org/docs/"
_QUEUE = "rq.Queue"


def _to_rq(name: str, callee: int, keyword: str) -> Handoff:
    return Handoff(name, Executor.WORKER, _RQ, _QUEUE, callee, keyword, callee + 1, wire=Wire.PICKLE)


RQ = Table(
    "rq",
    types=(Type(_QUEUE, Kind.TASK_QUEUE, _RQ, ("rq.queue.Queue",)),),
    decorators=(Decorator("rq.decorators.job", Decoration.TASK, _RQ),),
    handoffs=(
        _to_rq("enqueue", 0, "f"),
        _to_rq("enqueue_call", 0, "func"),
        _to_rq("enqueue_at", 1, "f"),
        _to_rq("enqueue_in", 1, "func"),
    ),
)

_DRAMATIQ = "https://dramatiq.io/reference.html"
_ACTOR = "dramatiq.Actor"

DRAMATIQ = Table(
    "dramatiq",
    types=(Type(_ACTOR, Kind.TASK, _DRAMATIQ, ("dramatiq.actor.Actor",)),),
    decorators=(Decorator("dramatiq.actor", Decoration.TASK, _DRAMATIQ, makes=_ACTOR),),
    handoffs=tuple(
        Handoff(name, Executor.WORKER, _DRAMATIQ, _ACTOR, wire=Wire.JSON, wire_switches=("dramatiq.set_encoder",))
        for name in ("send", "send_with_options", "message", "message_with_options")
    ),
)

_ARQ = "https://arq-docs.helpmanual.io/"
_ARQ_POOL = "arq.ArqRedis"

ARQ = Table(
    "arq",
    types=(Type(_ARQ_POOL, Kind.TASK_QUEUE, _ARQ, ("arq.connections.ArqRedis",)),),
    functions=(Function("arq.create_pool", f"await {_ARQ_POOL}", _ARQ, ("arq.connections.create_pool",)),),
    handoffs=(Handoff("enqueue_job", Executor.WORKER, _ARQ, _ARQ_POOL, first_argument=1, wire=Wire.PICKLE),),
)

_APSCHEDULER = "https://apscheduler.readthedocs.io/en/3.x/userguide.html"
_SCHEDULERS = (
    "apscheduler.schedulers.background.BackgroundScheduler",
    "apscheduler.schedulers.blocking.BlockingScheduler",
    "apscheduler.schedulers.asyncio.AsyncIOScheduler",
)
_BASE_SCHEDULER = "apscheduler.schedulers.base.BaseScheduler"

JOBLIB = Table(
    "joblib",
    # What `delayed(f)(x)` makes is run as `f(x)`: the call counts as that one.
    functions=(Function("joblib.delayed", "arg 0", _JOBLIB, ("joblib.parallel.delayed",)),),
)

APSCHEDULER = Table(
    "APScheduler",
    types=(
        Type(_BASE_SCHEDULER, Kind.TASK_QUEUE, _APSCHEDULER),
        *(Type(name, Kind.TASK_QUEUE, _APSCHEDULER, bases=(_BASE_SCHEDULER,)) for name in _SCHEDULERS),
    ),
    decorators=(Decorator("scheduled_job", Decoration.TASK, _APSCHEDULER, _BASE_SCHEDULER),),
    handoffs=(Handoff("add_job", Executor.SCHEDULER, _APSCHEDULER, _BASE_SCHEDULER, 0, "func", 2),),
)

_CLICK = "https://click.palletsprojects.com/"

CLICK = Table(
    "click",
    types=(Type("click.Group", Kind.COMMAND_LINE, _CLICK, ("click.core.Group",)),),
    decorators=(
        Decorator("click.command", Decoration.COMMAND, _CLICK, aliases=("click.decorators.command",)),
        Decorator("click.group", Decoration.COMMAND, _CLICK, aliases=("click.decorators.group",), makes="click.Group"),
        Decorator("command", Decoration.COMMAND, _CLICK, "click.Group"),
        Decorator("group", Decoration.COMMAND, _CLICK, "click.Group", makes="click.Group"),
    ),
)

_TYPER = "https://typer.tiangolo.com/"

TYPER = Table(
    "typer",
    types=(Type("typer.Typer", Kind.COMMAND_LINE, _TYPER, ("typer.main.Typer",)),),
    decorators=(
        Decorator("command", Decoration.COMMAND, _TYPER, "typer.Typer"),
        Decorator("callback", Decoration.COMMAND, _TYPER, "typer.Typer"),
    ),
)

_FLASK = "https://flask.palletsprojects.com/en/stable/api/"
_FLASK_APP, _BLUEPRINT = "flask.Flask", "flask.Blueprint"

FLASK = Table(
    "Flask",
    types=(
        Type(_FLASK_APP, Kind.APPLICATION, _FLASK, ("flask.app.Flask",)),
        Type(_BLUEPRINT, Kind.ROUTER, _FLASK, ("flask.blueprints.Blueprint",)),
    ),
    decorators=(
        *(
            Decorator(name, Decoration.ENDPOINT, _FLASK, owner)
            for owner in (_FLASK_APP, _BLUEPRINT)
            for name in ("route", "get", "post", "put", "patch", "delete")
        ),
        *(
            Decorator(name, decoration, _FLASK, owner)
            for owner in (_FLASK_APP, _BLUEPRINT)
            for name, decoration in (
                ("before_request", Decoration.MIDDLEWARE),
                ("after_request", Decoration.MIDDLEWARE),
                ("teardown_request", Decoration.TEARDOWN),
                ("errorhandler", Decoration.EXCEPTION_HANDLER),
            )
        ),
        Decorator("teardown_appcontext", Decoration.TEARDOWN, _FLASK, _FLASK_APP),
    ),
)

TABLES = (CELERY, RQ, DRAMATIQ, ARQ, JOBLIB, APSCHEDULER, CLICK, TYPER, FLASK)
