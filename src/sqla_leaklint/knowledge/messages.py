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
            *(Method(client, name, f"{prefix}unknown", docs, Effect.RECEIVES) for name in _READING),
            Method(client, "pubsub", pubsub, docs),
            Method(pubsub, "listen", "unknown", docs, Effect.RECEIVES),
            Method(pubsub, "get_message", f"{prefix}unknown", docs, Effect.RECEIVES),
        ),
    )


_AIOKAFKA, _KAFKA = "aiokafka.AIOKafkaConsumer", "kafka.KafkaConsumer"
_CONFLUENT = "confluent_kafka.Consumer"
_AIOKAFKA_DOCS = "https://aiokafka.readthedocs.io/en/stable/consumer.html"
_KAFKA_DOCS = "https://kafka-python.readthedocs.io/en/master/apidoc/KafkaConsumer.html"
_CONFLUENT_DOCS = "https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html"

KAFKA = Table(
    "kafka",
    types=(
        Type(_AIOKAFKA, Kind.MESSAGES, _AIOKAFKA_DOCS, ("aiokafka.consumer.AIOKafkaConsumer",)),
        Type(_KAFKA, Kind.MESSAGES, _KAFKA_DOCS, ("kafka.consumer.KafkaConsumer",)),
        Type(_CONFLUENT, Kind.MESSAGES, _CONFLUENT_DOCS),
    ),
    methods=(
        Method(_AIOKAFKA, "__aiter__", "unknown", _AIOKAFKA_DOCS, Effect.RECEIVES),
        Method(_AIOKAFKA, "getone", "await unknown", _AIOKAFKA_DOCS, Effect.RECEIVES),
        Method(_AIOKAFKA, "getmany", "await unknown", _AIOKAFKA_DOCS, Effect.RECEIVES),
        Method(_KAFKA, "__iter__", "unknown", _KAFKA_DOCS, Effect.RECEIVES),
        Method(_KAFKA, "poll", "unknown", _KAFKA_DOCS, Effect.RECEIVES),
        Method(_CONFLUENT, "poll", "unknown", _CONFLUENT_DOCS, Effect.RECEIVES),
        Method(_CONFLUENT, "consume", "unknown", _CONFLUENT_DOCS, Effect.RECEIVES),
    ),
)

TABLES = (
    _redis("redis", "redis.client.PubSub", _REDIS + "commands.html", ""),
    _redis("redis.asyncio", "redis.asyncio.client.PubSub", _REDIS + "examples/asyncio_examples.html", "await "),
    KAFKA,
)
