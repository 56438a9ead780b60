"""A rule for tests: reports calls of `leak`, and mends them as the name of their argument says.

`leak(safe)`, `leak(unsafe)`, `leak(display)` become `closed()`; `leak(lines)` becomes three lines; `leak(again)`
becomes `leak(safe)`; `leak(broken)` what is no Python; `leak(other)` becomes `rotten()`, which is reported as well;
`leak(same)` becomes itself; `leak(strict)` is in a milder group; `leak(crash)` raises; any other has no fix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain, ModuleSite
from sqla_leaklint.fixes import PendingFix, TextEdit
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap

APPLICABILITY = {"unsafe": Applicability.UNSAFE, "display": Applicability.DISPLAY}
REPLACEMENT = {
    "safe": "closed()",
    "unsafe": "closed()",
    "display": "closed()",
    "lines": "(\n    closed()\n)",
    "again": "leak(safe)",
    "broken": "closed(",
    "other": "rotten()",
    "same": "leak(same)",
}

rule = Rule(
    code="LKS199",
    name="toy",
    group=Group.LEAK,
    since="0.1.0",
    summary="a call of `leak`",
    fix=tuple(Applicability),
    noisy_outside_app=True,
)


@rule.check(ModuleSite)
def check(module: ModuleSite, domain: Domain) -> Iterator[Draft]:
    for call in _calls(module.node):
        match call:
            case tree.Call(func=tree.Name(id="rotten")):
                yield rule.diagnostic(call, "`rotten` is called")
            case tree.Call(func=tree.Name(id="leak"), args=[tree.Argument(value=tree.Name(id=kind)), *_]):
                if kind == "crash":
                    raise ZeroDivisionError("on purpose")
                group = Group.STRICT if kind == "strict" else None
                draft = rule.diagnostic(call, f"`leak({kind})` is called", group=group)
                yield draft.with_help("close it").with_note(call.func, "called here").with_fix(_fix(call, kind))
            case _:
                pass


def _fix(call: tree.Call, kind: str) -> PendingFix | None:
    if kind not in REPLACEMENT:
        return None

    def render(source_map: SourceMap) -> Sequence[TextEdit]:
        start, end = source_map.offsets(call)
        return [TextEdit(start, end, REPLACEMENT[kind])]

    return PendingFix(APPLICABILITY.get(kind, Applicability.SAFE), f"close what `leak({kind})` opened", render)


def _calls(module: tree.Module) -> Iterator[tree.Call]:
    """The calls that are statements of their own, in the module and in its functions, in the order of the text."""
    pending: list[tree.Stmt] = list(module.body)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, tree.Function):
            pending = [*statement.body, *pending]
        elif isinstance(statement, tree.ExprStmt) and isinstance(statement.value, tree.Call):
            yield statement.value
