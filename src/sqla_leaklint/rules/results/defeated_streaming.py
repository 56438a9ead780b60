"""A query asks for batches, and the code undoes that: by a list of all rows, or by a method that cannot stream."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.loading.eager_options import joined_collections
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.streaming import BUFFERING, MisplacedStream, Stream
from sqla_leaklint.fixes.batches import STREAMED_BY, loop_over_result, stream_instead
from sqla_leaklint.knowledge.facts import Fetch
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS207",
    name="defeated-streaming",
    group=Group.LEAK,
    since="0.1.0",
    summary="`yield_per` or `stream_results` is undone: all rows are put in a list, or the method cannot stream",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_SMALL = frozenset({Bound.LIMITED, Bound.KEYED})


@rule.check(Stream)
def check_list(stream: Stream, domain: Domain) -> Iterator[Draft]:
    if stream.load.rows.consumer.fetch is not Fetch.ALL_ROWS or stream.consumer == "for" or stream.bound in _SMALL:
        return
    option = "yield_per" if stream.is_batched or "yield_per" in stream.options else "stream_results"
    if option == "stream_results" and option not in stream.options:
        return
    if (stream.is_async and stream.method in BUFFERING) or (stream.execution is None and not stream.load.is_legacy):
        return  # that raises, which is said below; or it is not known who executes it
    if option == "yield_per" and joined_collections(stream.load):
        return  # so does that
    draft = rule.diagnostic(
        stream.load.node, f"`{stream.consumer}()` undoes `{option}`: every row is in memory at once"
    )
    if stream.may_be_cut_off:
        draft = draft.with_help("a commit would end the stream: work through pages by key, with `limit()`, instead")
    elif stream.is_async:
        draft = draft.with_help("go through the rows by `async for`, or by `async for batch in result.partitions()`")
    else:
        draft = draft.with_help("go through the rows as they come, or through `.partitions()`; do not make a list")
    if stream.execution is not None:
        draft = draft.with_note(stream.execution, "the rows are asked for in batches here")
    yield draft.with_fix(loop_over_result(stream) if option == "yield_per" else None)


@rule.check(MisplacedStream)
def check_method(misplaced: MisplacedStream, domain: Domain) -> Iterator[Draft]:
    method, option = misplaced.method, misplaced.option
    stream = STREAMED_BY[method]
    yield (
        rule.diagnostic(
            misplaced.node, f"`AsyncSession.{method}()` cannot stream: with `{option}` it raises `AsyncMethodRequired`"
        )
        .with_help(f"write `await session.{stream}(…)` and `async for`; it raises after every row has been loaded")
        .with_fix(stream_instead(misplaced))
    )
