"""HTTP clients that hold sockets until they are closed, pandas, which reads queries whole, and Flask's responses."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Effect, Function, Kind, Method, Table, Type
from sqla_leaklint.knowledge.waits import Awaited, Wait

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")

_HTTPX = "https://www.python-httpx.org/advanced/clients/"
# What a dropped client has open is closed by the cyclic collector alone.  Other libraries' clients, and open files,
# are freed with their last name: their methods have no such effect.
_REQUESTING = ("request", "get", "options", "head", "post", "put", "patch", "delete", "send")

HTTPX = Table(
    "httpx",
    types=(
        Type("httpx.Client", Kind.RESOURCE, _HTTPX),
        Type("httpx.AsyncClient", Kind.RESOURCE, _HTTPX),
    ),
    methods=(
        Method("httpx.Client", "close", "none", _HTTPX, Effect.RELEASES),
        Method("httpx.Client", "__enter__", "self", _HTTPX),
        Method("httpx.Client", "__exit__", "none", _HTTPX, Effect.RELEASES),
        Method("httpx.AsyncClient", "aclose", "await none", _HTTPX, Effect.RELEASES),
        Method("httpx.AsyncClient", "__aenter__", "await self", _HTTPX),
        Method("httpx.AsyncClient", "__aexit__", "await none", _HTTPX, Effect.RELEASES),
        *(Method("httpx.Client", name, "unknown", _HTTPX, Effect.CONNECTS) for name in _REQUESTING),
        *(Method("httpx.AsyncClient", name, "await unknown", _HTTPX, Effect.CONNECTS) for name in _REQUESTING),
        Method("httpx.Client", "stream", "enter unknown", _HTTPX, Effect.CONNECTS),
        Method("httpx.AsyncClient", "stream", "enter unknown", _HTTPX, Effect.CONNECTS),
        Method("httpx.Client", "build_request", "unknown", _HTTPX),
        Method("httpx.AsyncClient", "build_request", "unknown", _HTTPX),
    ),
    waits=(
        *(Wait(f"httpx.{verb}", Awaited.ANSWER, _HTTPX) for verb in (*_VERBS, "stream")),
        *(Wait(verb, Awaited.ANSWER, _HTTPX, "httpx.Client") for verb in (*_VERBS, "send", "stream")),
        *(
            Wait(verb, Awaited.ANSWER, _HTTPX, "httpx.AsyncClient", is_async=True)
            for verb in (*_VERBS, "send", "stream")
        ),
    ),
)

_AIOHTTP = "https://docs.aiohttp.org/en/stable/client_reference.html"

AIOHTTP = Table(
    "aiohttp",
    types=(Type("aiohttp.ClientSession", Kind.RESOURCE, _AIOHTTP, ("aiohttp.client.ClientSession",)),),
    methods=(
        Method("aiohttp.ClientSession", "close", "await none", _AIOHTTP, Effect.RELEASES),
        Method("aiohttp.ClientSession", "__aenter__", "await self", _AIOHTTP),
        Method("aiohttp.ClientSession", "__aexit__", "await none", _AIOHTTP, Effect.RELEASES),
    ),
    waits=tuple(Wait(verb, Awaited.ANSWER, _AIOHTTP, "aiohttp.ClientSession", is_async=True) for verb in _VERBS),
)

_REQUESTS = "https://requests.readthedocs.io/en/latest/api/"

REQUESTS = Table(
    "requests",
    types=(Type("requests.Session", Kind.RESOURCE, _REQUESTS, ("requests.sessions.Session",)),),
    functions=(Function("requests.session", "requests.Session", _REQUESTS, ("requests.sessions.session",)),),
    methods=(
        Method("requests.Session", "close", "none", _REQUESTS, Effect.RELEASES),
        Method("requests.Session", "__enter__", "self", _REQUESTS),
        Method("requests.Session", "__exit__", "none", _REQUESTS, Effect.RELEASES),
    ),
    waits=(
        *(Wait(f"requests.{verb}", Awaited.ANSWER, _REQUESTS, aliases=(f"requests.api.{verb}",)) for verb in _VERBS),
        *(Wait(verb, Awaited.ANSWER, _REQUESTS, "requests.Session") for verb in (*_VERBS, "send")),
    ),
)

_PANDAS = "https://pandas.pydata.org/docs/reference/io.html"

_TO_SQL = "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.to_sql.html"

PANDAS = Table(
    "pandas",
    types=(Type("pandas.DataFrame", Kind.DATAFRAME, _PANDAS, ("pandas.core.frame.DataFrame",)),),
    functions=tuple(
        Function(f"pandas.{name}", "pandas.DataFrame", _PANDAS, (f"pandas.io.sql.{name}",))
        for name in ("read_sql", "read_sql_query", "read_sql_table")
    )
    + tuple(
        Function(f"pandas.{name}", "pandas.DataFrame", _PANDAS)
        for name in ("read_csv", "read_excel", "read_json", "read_parquet", "read_table")
    ),
    methods=(Method("pandas.DataFrame", "to_sql", "none", _TO_SQL, Effect.RUNS_SQL),),
)

_FLASK = "https://flask.palletsprojects.com/en/stable/api/"

FLASK = Table(
    "Flask",
    types=(Type("flask.Response", Kind.RESPONSE, _FLASK, ("flask.wrappers.Response",)),),
    functions=(
        Function("flask.make_response", "flask.Response", _FLASK, ("flask.helpers.make_response",)),
        Function("flask.send_file", "flask.Response", _FLASK, ("flask.helpers.send_file",)),
    ),
)

TABLES = (HTTPX, AIOHTTP, REQUESTS, PANDAS, FLASK)
