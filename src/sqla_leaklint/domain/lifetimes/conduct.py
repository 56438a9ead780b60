"""What a call does with a session among its arguments, and how that follows from the uses that a callee makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.values import ProjectFunction


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a call does with a session among its arguments.

    `makes`: how the value of the call has to do with the session; `attributes`: where the object that it makes keeps
    it; `commits_last`: whether it leaves no transaction open.  Of a context manager, closing and committing are what
    leaving it does.
    """

    doings: tuple[Doing, ...] = ()
    makes: Carry = Carry.NO
    attributes: frozenset[str] = frozenset()
    commits_last: bool = False
    callee: ProjectFunction | None = None


NOTHING = Conduct()
GIVEN_AWAY = Conduct((Doing.PASSES,))
CLOSED = Conduct((Doing.CLOSES,), Carry.IS)
DEFERRED = Conduct((Doing.DEFERS,), Carry.IS)
THE_SAME = Conduct((), Carry.IS)


def summed_up(uses: Iterable[Use], function: ProjectFunction) -> Conduct:
    """What a function does with a session, by its uses in the order of the text."""
    doings: dict[Doing, None] = {}
    makes = Carry.NO
    attributes: set[str] = set()
    commits_last = transacts = False
    for use in uses:
        match use.doing:
            case Doing.RETURNS if use.carry is not Carry.METHOD:
                makes = max(makes, use.carry, key=lambda carry: carry.value)
                attributes |= use.attributes
            case Doing.YIELDS if use.carry is Carry.IS:
                makes = Carry.WRAPS
            case Doing.RETURNS | Doing.YIELDS:
                doings[Doing.PASSES] = None
            case Doing.HOLDS:
                attributes |= use.attributes
            case Doing.ENTERS:
                doings[Doing.CLOSES] = None
            case Doing.TRANSACTS:
                transacts = True
            case Doing.ENDS_TRANSACTION:
                commits_last = True
            case _:
                doings[use.doing] = None
                if use.doing in {Doing.RUNS_SQL, Doing.QUEUES}:
                    commits_last = False
    if Doing.CLOSES in doings:  # whatever was run in the block of a `with`, or before `finally`
        del doings[Doing.CLOSES]
        doings[Doing.CLOSES] = None
    return Conduct(tuple(doings), makes, frozenset(attributes), commits_last or transacts, function)


def either(conducts: Iterable[Conduct]) -> Conduct:
    """What one of several callees does, whichever it is."""
    found = list(dict.fromkeys(conducts))
    if len(found) == 1:
        return found[0]
    doings = dict.fromkeys(doing for each in found for doing in each.doings)
    makes = max((each.makes for each in found), key=lambda carry: carry.value)
    attributes = frozenset().union(*(each.attributes for each in found))
    return Conduct(tuple(doings), makes, attributes, any(each.commits_last for each in found), found[0].callee)
