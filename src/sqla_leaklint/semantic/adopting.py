"""Terms of a module that is executed once more: its tree was dropped, but others hold what they know of it.

Terms are compared by identity, so the second execution has to make the very terms that the summary is made of:

    first  = Call(Ref("app.db.SessionLocal"))     # in the summary, which other modules have linked to
    second = Call(Ref("app.db.SessionLocal"))     # of the new tree: alike, but another object, unless it is adopted
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from sqla_leaklint.semantic.summary import Act, ClassSummary, FunctionSummary, ModuleSummary, ParameterSummary
from sqla_leaklint.semantic.terms import Pool

_PARTS = (ModuleSummary, FunctionSummary, ClassSummary, ParameterSummary, Act)


def adopt(pool: Pool, summary: ModuleSummary) -> None:
    """Have a pool make the terms of a summary again, each as the object that it is."""
    pending: list[object] = [summary]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, tuple):
            pending.extend(part)
        elif is_dataclass(part) and not isinstance(part, type) and id(part) not in seen:
            seen.add(id(part))
            if not isinstance(part, _PARTS):
                pool.adopt(part)
            pending.extend(getattr(part, each.name) for each in fields(part))
