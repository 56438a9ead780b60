"""Caches of third parties: containers that bound themselves, and decorators with stores and key functions."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Effect, Kind, Method, Table, Type

_CACHETOOLS = "https://cachetools.readthedocs.io/en/stable/"
_CACHE = "cachetools.Cache"

CACHETOOLS = Table(
    "cachetools",
    types=(
        Type(_CACHE, Kind.BOUNDED_CONTAINER, _CACHETOOLS),
        *(
            Type(f"cachetools.{name}", Kind.BOUNDED_CONTAINER, _CACHETOOLS, bases=(_CACHE,))
            for name in ("FIFOCache", "LFUCache", "LRUCache", "RRCache", "TTLCache", "TLRUCache")
        ),
    ),
    methods=(
        *(
            Method(_CACHE, name, "unknown", _CACHETOOLS, Effect.GROWS)
            for name in ("__setitem__", "setdefault", "update")
        ),
        *(
            Method(_CACHE, name, "unknown", _CACHETOOLS, Effect.REMOVES)
            for name in ("__delitem__", "pop", "popitem", "clear")
        ),
    ),
    decorators=(
        Decorator("cachetools.cached", Decoration.CACHED, _CACHETOOLS, keeps_results=True),
        Decorator("cachetools.cachedmethod", Decoration.CACHED, _CACHETOOLS),
        *(
            Decorator(f"cachetools.func.{name}", Decoration.CACHED, _CACHETOOLS, keeps_results=True)
            for name in ("fifo_cache", "lfu_cache", "lru_cache", "rr_cache", "ttl_cache")
        ),
    ),
)

_AIOCACHE = "https://aiocache.aio-libs.org/en/latest/decorators.html"

AIOCACHE = Table(
    "aiocache",
    decorators=(
        Decorator("aiocache.cached", Decoration.CACHED, _AIOCACHE),
        Decorator("aiocache.cached_stampede", Decoration.CACHED, _AIOCACHE),
        Decorator("aiocache.multi_cached", Decoration.CACHED, _AIOCACHE),
    ),
)

_FASTAPI_CACHE = "https://github.com/long2ice/fastapi-cache"

FASTAPI_CACHE = Table(
    "fastapi-cache2",
    decorators=(Decorator("fastapi_cache.decorator.cache", Decoration.CACHED, _FASTAPI_CACHE),),
)

_ASYNC_LRU = "https://github.com/aio-libs/async-lru"

ASYNC_LRU = Table(
    "async-lru",
    decorators=(Decorator("async_lru.alru_cache", Decoration.CACHED, _ASYNC_LRU, keeps_results=True),),
)

TABLES = (CACHETOOLS, AIOCACHE, FASTAPI_CACHE, ASYNC_LRU)
