"""Lines that memoise a function: by what, with which bound, what the key is made of, what is kept or forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.domain.memoization.instances import MadeAnew, made_anew
from sqla_leaklint.domain.memoization.keys import KeyPart, is_hashed_by_identity, passing_parts
from sqla_leaklint.domain.memoization.memoizers import Bound
from sqla_leaklint.domain.origins.provenance import Trail
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import function_told, trail_told
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

MOST_CALLERS = 3
"""Callers whose arguments are shown for each part of a key."""


def explain_memoized(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What functools keeps of each function that is memoised on the line, or whose definition begins there."""
    functions = {domain.body_of[node].qualname for node in line.of_type(tree.Function) if node in domain.body_of}
    for memoized in domain.subjects(Memoized):
        is_own = memoized.module is domain.module.summary and not memoized.is_by_hand
        if memoized.node in line.nodes or (is_own and memoized.function.qualname in functions):
            yield _explain(memoized, places)


def _explain(memoized: Memoized, places: Places) -> Paragraph:
    what = "method" if memoized.has_receiver else "function"
    told = Paragraph(f"`{memoized.known_as}`: a {what} that `{memoized.memoizer.path}` memoises")
    told.about = tuple(walk(memoized.node))
    told.add("keeps", _bound(memoized.memoizer.bound))
    told.add("key", columns(_key(memoized, places)) or "no arguments: there is one result")
    made = made_anew(memoized) if memoized.has_receiver else None
    if memoized.has_receiver:
        told.add("objects", _objects(made, places))
    if memoized.is_cleared:
        told.add("forgets", "something in the project clears it or goes past it, or may do so")
    fed = memoized.fed_from_outside()
    if fed is not None:
        told.add("reached", trail_told(fed[1], places))
    told.add("so", list(_verdicts(memoized, made, fed, places)))
    return told


def _bound(bound: Bound) -> str:
    if not bound.is_known:
        return "not known how many results: its bound could not be read"
    if bound.most is None:
        return "every result, without a bound"
    return "the last result" if bound.most == 1 else f"at most {bound.most} results"


def _key(memoized: Memoized, places: Places) -> Iterator[tuple[str, str]]:
    """The parameters by which it is memoised, and what is known to arrive there."""
    if memoized.has_receiver:
        yield f"`{memoized.function.parameters[0].name}`", "the object whose method it is"
    for parameter in memoized.parameters:
        told = list(dict.fromkeys(_passed(memoized, parameter.name, places)))[:MOST_CALLERS]
        for place, each in enumerate(told or ["not known: nobody is seen to pass it"]):
            yield f"`{parameter.name}`" if place == 0 else "", each


def _passed(memoized: Memoized, parameter: str, places: Places) -> Iterator[str]:
    evaluator = memoized.domain.evaluator
    for call in memoized.calls:
        if parameter in call.arguments:
            given = described(evaluator.of(call.arguments[parameter], evaluator.frame(call.module)))
            whom = function_told(call.module, call.function, places) if call.function is not None else "a module"
            yield f"{given}, by {whom}"


def _objects(made: MadeAnew | None, places: Places) -> str:
    if made is None:
        return "not known to be made again and again: one that lives as long as the process is no loss"
    where = function_told(made.module, made.function, places)
    if made.entry is None:
        return f"several `{made.cls.name}` are made in a comprehension, in {where}"
    return f"a `{made.cls.name}` is made anew {made.entry.value}, in {where}"


def _verdicts(
    memoized: Memoized, made: MadeAnew | None, fed: tuple[str, Trail] | None, places: Places
) -> Iterator[str]:
    """Why it is reported, or why not."""
    part = next(passing_parts(memoized), None) if not memoized.is_local else None
    if part is not None:
        yield f"{_part(part, places)} (LKS604)"
    elif memoized.keeps_coroutines:
        yield "it is `async def`: what is kept are coroutines, which can be awaited but once (LKS604)"
    if fed is not None and memoized.memoizer.bound.is_infinite and not memoized.is_local and not memoized.is_cleared:
        yield f"a result is kept for every `{fed[0]}` that comes (LKS602)"
    if made is not None and not memoized.is_local and not memoized.is_cleared and memoized.memoizer.bound.most != 1:
        if is_hashed_by_identity(memoized.domain.evaluator, made.cls):
            yield "it keeps each of the objects on which it is called (LKS603)"
        else:
            yield f"silence about `{made.cls.name}`: its objects may be equal to each other, hence one key"
    if part is None and fed is None and made is None and not memoized.keeps_coroutines:
        yield f"silence: {_why_not(memoized)}"
    elif fed is not None and part is None and not memoized.keeps_coroutines:
        if memoized.is_local:
            yield "silence: it is memoised anew by each call of the function around it, with which all of it goes"
        elif memoized.is_cleared:
            yield "silence: something may clear it"
        elif not memoized.memoizer.bound.is_infinite:
            yield "silence: it keeps no more than its bound, whatever comes"


def _why_not(memoized: Memoized) -> str:
    if memoized.domain.evaluator.project.root is None:
        return "the file belongs to no project, so that nobody knows who calls it"
    if not memoized.parameters:
        return "it has no arguments, so that there is one result"
    return "what it is called with is not known to come from requests, events or tasks"


def _part(part: KeyPart, places: Places) -> str:
    by = ""
    if part.module is not None and part.caller is not None:
        by = f", passed by {function_told(part.module, part.caller, places)}"
    return f"`{part.parameter}` is another {part.what.value} each time{by}: no result is ever found again"
