"""A file that cannot be read, decoded or parsed is reported, so that nobody takes silence for a clean bill."""

from __future__ import annotations

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.rules.base import Rule

# It has no check: there is no tree to judge. The linter reports it where reading or parsing fails.
rule = Rule(
    code="LKS900",
    name="syntax-error",
    group=Group.LEAK,
    since="0.1.0",
    summary="the file cannot be parsed or decoded",
)
