"""Consumers of messages: clients by which a process is sent something again and again, for as long as it lives."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Effect, Function, Kind, Method, Table, Type

_REDIS = "https://redis.readthedocs.io/en/stable/"
_READING = ("xread", "xreadgroup", "blpop", "brpop", "blmove", "brpoplpush", "bzpopmin", "bzpopmax")


def _redis(package: str, pubsub: str, docs: str, prefix: str) -> Table:
    client = f"{package}.Redis"
    return Table(
        "redis",
        types=(
            Type(client, Kind.MESSAGES, docs, (f"{package}.client.Redis", f"{package}.StrictRedis")),
            Type(pubsub, Kind.MESSAGES, docs),
        ),
        functions=(
            Function(f"{package}.from_url", client, docs, (f"{package}.utils.from_url",)),
            Function(f"{client}.from_url", client, docs),
        ),
        methods=(
            *(Method(client, name, "unknown", docs, Effect.RECEIVES) for name in _READING),
            Method(client, "pubsub", pubsub, docs),
            Method(pubsub, "listen", "unknown", docs, Effect.RECEIVES),
            Method(pubsub, "get_message", f"{prefix}unknown", docs, Effect.RECEIVES),
        ),
    )


TABLES = (
    _redis("redis", "redis.client.PubSub", _REDIS + "commands.html", ""),
    _redis("redis.asyncio", "redis.asyncio.client.PubSub", _REDIS + "examples/asyncio_examples.html", "await "),
)
