"""A DataFrame is made of every row of a query at once."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.dataframes import DataframeRead
from sqla_leaklint.fixes.chunks import read_in_chunks
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS210",
    name="unchunked-dataframe",
    group=Group.STRICT,
    summary="a DataFrame is made of every row of a query at once",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_HELP = "read it in parts, with `chunksize=…` on a connection with `stream_results=True`, or let the database reckon"


@rule.check(DataframeRead)
def check(read: DataframeRead, domain: Domain) -> Iterator[Draft]:
    if read.is_chunked or read.bound not in {Bound.NONE, Bound.WEAK} or (read.model and read.model.is_lookup):
        return
    rows = f"every row of `{read.table}`" if read.table and read.bound is Bound.NONE else "every row that matches"
    yield (
        rule.diagnostic(read.node, f"{rows} is read into one DataFrame").with_help(_HELP).with_fix(read_in_chunks(read))
    )
