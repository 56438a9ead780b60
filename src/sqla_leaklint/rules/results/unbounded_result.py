"""Every row of a query is brought to Python at once."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.aggregates import Aggregate, Figure, aggregates
from sqla_leaklint.domain.rows.asking import Asking
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.destinations import Arrival, Destination, arrival_of
from sqla_leaklint.domain.rows.exports import BufferedExport
from sqla_leaklint.domain.rows.filtering import NarrowedLoad
from sqla_leaklint.domain.rows.generics import received
from sqla_leaklint.domain.rows.membership import Membership
from sqla_leaklint.domain.rows.optional_filters import may_be_unfiltered
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.streamable import streamed_loop, way_of_streaming
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.fixes.paging import apply_page, stream_rows
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS201",
    name="unbounded-result",
    group=Group.WASTE,
    summary="every row of a query is brought to Python at once",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_FATES = {
    Destination.RESPONSE: "for one response",
    Destination.JOB: "for a job",
    Destination.EXPORT: "for an export",
}

_NAMED = {Figure.SUM: "the sum of", Figure.MIN: "the least", Figure.MAX: "the greatest"}

_UNBOUNDED = frozenset({Bound.NONE, Bound.WEAK})


@rule.check(Load)
def check(load: Load, domain: Domain) -> Iterator[Draft]:
    if not load.is_everything or load.is_one_row:
        return
    judged, arrival = next((each for each in received(load) if _may_grow(each[0])), (load, None))
    if judged.bound not in _UNBOUNDED:
        return
    if load.usage.is_only_counted or any(asking.load is load for asking in domain.subjects(Asking)):
        return  # what is wrong there is another matter: the database can count, test and pick
    if any(export.load is load for export in domain.subjects(BufferedExport)):
        return  # that says what becomes of the rows as well
    if any(narrowed.load is load for narrowed in domain.subjects(NarrowedLoad)):
        return
    if any(membership.load is load for membership in domain.subjects(Membership)):
        return
    model = judged.entity
    unused = load.unused_page
    if model is not None and arrival is None and (unused or not model.is_lookup):
        arrival = arrival_of(load)
    reckoned = aggregates(load) if model is not None and not unused and arrival is None and not model.is_lookup else ()
    is_evident = model is not None and (bool(unused) or arrival is not None or bool(reckoned))
    fate = f", {_FATES[arrival.destination]}" if arrival is not None else ""
    if reckoned:
        fate = f", and Python reckons {_figures(reckoned)}"
    message = _loaded(judged) + fate
    if unused:
        names = " and ".join(f"`{name}`" for name in unused)
        message += f"; {names} {'are' if len(unused) > 1 else 'is'} accepted and not used"
    draft = rule.diagnostic(load.node, message, group=Group.WASTE if is_evident else Group.STRICT).with_help(
        _help(load, arrival, reckoned)
    )
    if reckoned:
        draft = draft.with_note(reckoned[0].node, "reckoned here")
    if arrival is not None and (arrival.path, arrival.qualname) != (domain.module.path, load.body.qualname):
        draft = draft.with_note(domain.locate(arrival.path, arrival.qualname), "the rows are returned from here")
    yield draft.with_fix(apply_page(load, unused) if unused else stream_rows(load))


def _loaded(load: Load) -> str:
    """What is loaded at once."""
    model = load.entity
    if load.bound is not Bound.WEAK:
        rows = f"every row of `{model.table or model.name}`" if model is not None else "every row of the query"
    else:
        rows = f"every `{model.name}`" if model is not None else "every row"
        rows += ", unless a filter is added," if may_be_unfiltered(load) else " that the filter lets through"
    return f"{rows} is loaded at once"


def _may_grow(load: Load) -> bool:
    return load.bound in _UNBOUNDED and load.entity is not None and not load.entity.is_lookup


def _help(load: Load, arrival: Arrival | None, reckoned: tuple[Aggregate, ...]) -> str:
    if load.unused_page:
        return "apply them in the query, with an order"
    is_streamable = streamed_loop(load) is not None
    if reckoned:
        assert load.entity is not None
        functions = dict.fromkeys(_function(load.entity.name, each) for each in reckoned)
        named = "it" if len(functions) == 1 else "them"
        rest = "page or stream" if is_streamable else "page"
        return f"let the database reckon {named}: {', '.join(functions)}; then {rest} what else needs rows"
    if not load.usage.of(Deal.ITERATED) or (arrival is not None and arrival.destination is Destination.RESPONSE):
        return "page it, by `.limit(…)` and the last key or `.offset(…)`, or filter it by an owner"
    if not is_streamable:
        return "work through it in pages, by `.limit(…)` and the last key; filter and aggregate in SQL"
    return f"stream it, with {way_of_streaming(load)}, or work through it in pages by key; aggregate in SQL"


def _figures(reckoned: tuple[Aggregate, ...]) -> str:
    """The first two figures, as the object of a message."""
    named = dict.fromkeys(
        f"how many have each `{each.column}`"
        if each.figure is Figure.COUNT
        else _NAMED[each.figure] + f" `{each.column}`"
        for each in reckoned
    )
    return " and ".join(list(named)[:2])


def _function(model: str, aggregate: Aggregate) -> str:
    if aggregate.figure is Figure.COUNT:
        return f"`func.count()` by `{model}.{aggregate.column}`"
    return f"`func.{aggregate.figure.value}({model}.{aggregate.column})`"
