"""Rows of a query that grows are all gathered before the first of them is written."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.exports import BufferedExport, Leaving
from sqla_leaklint.domain.rows.streamable import fits_batches
from sqla_leaklint.fixes.streamed_export import stream_export
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS209",
    name="buffered-export",
    group=Group.WASTE,
    summary="all rows of a query are gathered in memory before the first is written",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_LAST = {
    Leaving.RESPONSE: "before the first byte is sent",
    Leaving.FILE: "before the first is written",
    Leaving.RETURNED: "before anything is returned",
}
_HERE = {
    Leaving.RESPONSE: "sent here, when all is there",
    Leaving.FILE: "written here, when all is there",
    Leaving.RETURNED: "returned here, when all is there",
}


@rule.check(BufferedExport)
def check(export: BufferedExport, domain: Domain) -> Iterator[Draft]:
    load, model = export.load, export.model
    rows = f"every row of `{model.table or model.name}`"
    if load.bound is not Bound.NONE:
        rows = f"every `{model.name}` that the filter lets through"
    places = ", ".join(f"`{place}`" for place in export.places)
    gathered = f"is gathered in {places}" if places else "is gathered"
    draft = rule.diagnostic(load.node, f"{rows} {gathered} {_LAST[export.leaving]}")
    for node in list(export.places.values())[:1]:
        draft = draft.with_note(node, "gathered here")
    yield draft.with_note(export.node, _HERE[export.leaving]).with_help(_help(export)).with_fix(stream_export(export))


def _help(export: BufferedExport) -> str:
    way = "by a loop over pages by key"
    if fits_batches(export.load):
        rows = "`stream_scalars(…)`" if export.load.is_async else "a loop"
        asking = "`yield_per(1000)`" if export.load.is_legacy else "`execution_options(yield_per=1000)`"
        way = f"by {rows} with {asking}"
    if export.leaving is Leaving.RESPONSE:
        return f"let a generator yield each row as it comes, {way}, and give it to `StreamingResponse`"
    return f"write each row as it comes, {way}"
