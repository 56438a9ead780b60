"""Lines that load rows: the statement, what bounds it, what becomes of the rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.destinations import arrival_of
from sqla_leaklint.domain.rows.matching import Matching, matching
from sqla_leaklint.domain.rows.membership import Membership
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.values import Clause, Statement, StepTaken, Unknown, Value
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places

_BOUNDS = {
    Bound.NONE: "nothing: every row of the table",
    Bound.WEAK: "a part of the table that grows with it (a flag, a range, a pattern)",
    Bound.UNKNOWN: "not known: something that cannot be read may bound it",
    Bound.SCOPED: "the rows of one parent or owner",
    Bound.GROUPED: "groups, distinct values or aggregates",
    Bound.LISTED: "`IN` a list",
    Bound.LIMITED: "a limit",
    Bound.KEYED: "a primary key or unique columns",
}

_MATCHINGS = {
    Matching.UNKNOWN: "one row or value, of a statement of which it is not known how many it brings",
    Matching.ONE: "one row or value, by a key",
    Matching.LIMITED: "one row or value, and a limit",
    Matching.KEY_LIKE: "one row or value, without a limit, by columns that are not declared unique (LKS212, strict)",
    Matching.MANY: "one row or value, of many that the statement brings, as it has no limit (LKS212)",
    Matching.ALL: "one row or value, of all that the table has, as there is no limit (LKS212)",
}


def explain_load(load: Load, places: Places) -> Paragraph:
    """All that is known of rows that are brought to Python."""
    told = Paragraph(f"{places.quoted(load.node)} loads rows: {described(load.rows)}")
    statement = load.statement
    if statement is None:
        told.add("statement", "not known")
    else:
        told.add("statement", described(statement))
        told.add("steps", columns(_steps(statement)))
        if not statement.is_whole:
            told.add("not known", "what a function that could not be looked into added to the statement")
    model = load.entity
    if model is not None:
        lookup = ", a lookup table" if model.is_lookup else ""
        place = places.of(model.cls)
        told.add("model", f"`{model.name}` ({place}): {len(model.loaded)} columns are loaded{lookup}")
    told.add("bound by", _BOUNDS[load.bound])
    if statement is not None:
        told.add("not known", columns(_unread(statement)))
    told.add("used", load.domain.describe_usage(load.node))
    arrival = arrival_of(load)
    if arrival is not None:
        where = places.definition(arrival.path, arrival.qualname)
        told.add("ends in", f"{arrival.destination.value}, in `{arrival.qualname}` ({where})")
    else:
        told.add("ends in", "nothing shows that all of the rows are kept: no response, job or export is seen")
    told.add("so", _verdict(load))
    return told


def _steps(statement: Statement) -> Iterator[tuple[str, str]]:
    for step in statement.steps:
        given = ", ".join(
            [*map(described, step.args), *(f"{name}={described(value)}" for name, value in step.keywords)]
        )
        role = step.role.value if step.role is not None else "in no table"
        yield f".{step.name}({given})", f"{role}{', on some paths only' if step.is_conditional else ''}"


def _unread(statement: Statement) -> Iterator[tuple[str, str]]:
    """What a statement was given and nobody could read, where it may matter."""
    for step in statement.steps:
        for reason in dict.fromkeys(reason for value in _given(step) for reason in _reasons(value)):
            yield f".{step.name}(…)", reason


def _given(step: StepTaken) -> Iterator[Value]:
    yield from step.args
    yield from (value for _, value in step.keywords)


def _reasons(value: Value) -> Iterator[str]:
    match value:
        case Unknown():
            yield value.reason
        case Clause():
            for operand in value.operands:
                yield from _reasons(operand)
        case _:
            pass


def _verdict(load: Load) -> str:
    """What the rules on unbounded results make of it."""
    if load.is_one_row:
        if load.wanted is None or load.is_streamed or load.is_of_stream:
            return "one row or value"
        return _MATCHINGS[matching(load.domain.evaluator, load.statement)]
    if load.is_streamed:
        return "the rows come in batches"
    if not load.is_everything:
        return "not every row is held at once"
    if any(membership.load is load for membership in load.domain.subjects(Membership)):
        return "the rows are only searched for a value (LKS206)"
    if load.bound is Bound.UNKNOWN:
        return "silence: something that cannot be read may bound it"
    if load.bound not in {Bound.NONE, Bound.WEAK}:
        return "it is bounded"
    if load.usage.is_only_counted:
        return "the rows are only counted, tested or sliced (LKS203, LKS204, LKS205)"
    return "every row is held at once (LKS201)"
