"""A pool that opens as many connections as are asked for, until the server refuses."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.engines import UnboundedPool
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS504",
    name="unbounded-pool",
    group=Group.LEAK,
    since="0.1.0",
    summary="a pool opens as many connections as are asked for, until the server refuses",
    noisy_outside_app=True,
)


@rule.check(UnboundedPool)
def check(pool: UnboundedPool, _domain: Domain) -> Iterator[Draft]:
    yield rule.diagnostic(pool.node, f"`{pool.option}={pool.value}` leaves the pool without a limit").with_help(
        "choose `pool_size` and `max_overflow` so that all processes together stay below the server's limit: requests "
        "then wait for a connection, up to `pool_timeout`, where they now fail with `too many clients already`"
    )
