"""Rows are to come in batches, and are all loaded before the first."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.streaming import BUFFERING, STREAMING, Stream
from sqla_leaklint.fixes.batches import STREAMED_BY, fetch_in_batches
from sqla_leaklint.knowledge.facts import Fetch
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS213",
    name="buffered-stream",
    group=Group.WASTE,
    since="0.1.0",
    summary="rows that are to be streamed are all loaded before the first: `yield_per` is missing",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_UNBOUNDED = frozenset({Bound.NONE, Bound.WEAK, Bound.UNKNOWN, Bound.SCOPED})


@rule.check(Stream)
def check(stream: Stream, domain: Domain) -> Iterator[Draft]:
    if not stream.is_known or "yield_per" in stream.options or stream.bound not in _UNBOUNDED:
        return
    message = _buffers(stream)
    if message is None or not stream.is_orm or stream.may_be_cut_off:
        return
    draft = rule.diagnostic(stream.load.node, message)
    if stream.is_async and stream.method in BUFFERING:
        method = STREAMED_BY[stream.method]
        yield draft.with_help(f"write `await session.{method}(statement.execution_options(yield_per=…))`, `async for`")
        return
    draft = draft.with_help(
        "only `yield_per` makes the ORM bring entities in batches: `execution_options(yield_per=…)`"
    )
    if stream.execution is not None and stream.execution is not stream.load.node:
        draft = draft.with_note(stream.execution, "the statement is executed here")
    yield draft.with_fix(fetch_in_batches(stream))


def _buffers(stream: Stream) -> str | None:
    """What is said of the way in which batches are asked for; None when that does bring them."""
    if stream.method in STREAMING:
        is_plain = stream.load.rows.consumer.fetch is Fetch.STREAMED and not stream.is_batched
        return f"`{stream.method}()` without `yield_per` loads every row before the first" if is_plain else None
    if stream.is_in_parts:
        if "stream_results" in stream.options or (stream.is_batched and not stream.is_async):
            return None
        return f"`{stream.consumer}()` without `yield_per` divides rows that are all loaded already"
    if stream.is_batched:
        return "`yield_per()` on a result that is loaded already streams nothing" if stream.is_async else None
    if stream.consumer == "for" and "stream_results" in stream.options and not stream.is_async:
        return "`stream_results` without `yield_per` loads every row before the first"
    return None
