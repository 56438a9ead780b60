"""An endpoint that shows the heap of the process to anybody."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.profiling.open_heap import OpenHeapEndpoint
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS704",
    name="open-heap-endpoint",
    group=Group.LEAK,
    since="0.1.0",
    summary="an endpoint without a guard returns what is in the memory of the process",
    noisy_outside_app=True,
)

_HELP = (
    "guard it by a dependency that refuses everybody else (`dependencies=[Depends(require_admin)]`, on the endpoint or "
    "its router), or include its router only where a setting says so"
)


@rule.check(OpenHeapEndpoint)
def check(endpoint: OpenHeapEndpoint, domain: Domain) -> Iterator[Draft]:
    name = endpoint.function.name
    yield rule.diagnostic(
        endpoint.route, f"`{name}` returns what `{endpoint.listing}` tells of the process, to anybody who asks"
    ).with_help(_HELP)
