"""Task queues, schedulers and command lines: who runs a function outside of a request, and how work is sent there."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Executor, Handoff, Kind, Table, Type

_CELERY = "https://docs.celeryq.dev/en/stable/userguide/"
_CELERY_APP = "celery.Celery"
_CELERY_TASK = "celery.Task"

CELERY = Table(
    "celery",
    types=(
        Type(_CELERY_APP, Kind.TASK_QUEUE, _CELERY + "application.html", ("celery.app.base.Celery",)),
        Type(_CELERY_TASK, Kind.TASK, _CELERY + "tasks.html", ("celery.app.task.Task",)),
    ),
    decorators=(
        Decorator("task", Decoration.TASK, _CELERY + "tasks.html", _CELERY_APP),
        Decorator("celery.shared_task", Decoration.TASK, _CELERY + "tasks.html", aliases=("celery.app.shared_task",)),
    ),
    handoffs=(
        Handoff("delay", Executor.WORKER, _CELERY + "calling.html", _CELERY_TASK),
        Handoff("apply_async", Executor.WORKER, _CELERY + "calling.html", _CELERY_TASK),
        Handoff("s", Executor.WORKER, _CELERY + "canvas.html", _CELERY_TASK),
        Handoff("si", Executor.WORKER, _CELERY + "canvas.html", _CELERY_TASK),
        Handoff("send_task", Executor.WORKER, _CELERY + "calling.html", _CELERY_APP, first_argument=1),
    ),
)

_RQ = "https://python-rq.org/docs/"
_QUEUE = "rq.Queue"

RQ = Table(
    "rq",
    types=(Type(_QUEUE, Kind.TASK_QUEUE, _RQ, ("rq.queue.Queue",)),),
    decorators=(Decorator("rq.decorators.job", Decoration.TASK, _RQ),),
    handoffs=(
        Handoff("enqueue", Executor.WORKER, _RQ, _QUEUE, 0, "f", 1),
        Handoff("enqueue_call", Executor.WORKER, _RQ, _QUEUE, 0, "func", 1),
        Handoff("enqueue_at", Executor.WORKER, _RQ, _QUEUE, 1, "f", 2),
        Handoff("enqueue_in", Executor.WORKER, _RQ, _QUEUE, 1, "func", 2),
    ),
)

_DRAMATIQ = "https://dramatiq.io/reference.html"
_ACTOR = "dramatiq.Actor"

DRAMATIQ = Table(
    "dramatiq",
    types=(Type(_ACTOR, Kind.TASK, _DRAMATIQ, ("dramatiq.actor.Actor",)),),
    decorators=(Decorator("dramatiq.actor", Decoration.TASK, _DRAMATIQ),),
    handoffs=(
        Handoff("send", Executor.WORKER, _DRAMATIQ, _ACTOR),
        Handoff("send_with_options", Executor.WORKER, _DRAMATIQ, _ACTOR),
        Handoff("message", Executor.WORKER, _DRAMATIQ, _ACTOR),
    ),
)

_ARQ = "https://arq-docs.helpmanual.io/"
_ARQ_POOL = "arq.ArqRedis"

ARQ = Table(
    "arq",
    types=(Type(_ARQ_POOL, Kind.TASK_QUEUE, _ARQ, ("arq.connections.ArqRedis",)),),
    handoffs=(Handoff("enqueue_job", Executor.WORKER, _ARQ, _ARQ_POOL, first_argument=1),),
)

_APSCHEDULER = "https://apscheduler.readthedocs.io/en/3.x/userguide.html"
_SCHEDULERS = (
    "apscheduler.schedulers.background.BackgroundScheduler",
    "apscheduler.schedulers.blocking.BlockingScheduler",
    "apscheduler.schedulers.asyncio.AsyncIOScheduler",
)
_BASE_SCHEDULER = "apscheduler.schedulers.base.BaseScheduler"

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
        Decorator("click.group", Decoration.COMMAND, _CLICK, aliases=("click.decorators.group",)),
        Decorator("command", Decoration.COMMAND, _CLICK, "click.Group"),
        Decorator("group", Decoration.COMMAND, _CLICK, "click.Group"),
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

TABLES = (CELERY, RQ, DRAMATIQ, ARQ, APSCHEDULER, CLICK, TYPER, FLASK)
