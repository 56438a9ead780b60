"""Classes whose objects open a session for themselves, and whether anybody closes it.

    class Orders:
        def __init__(self, day):
            self.day = day
            self.session = SessionLocal()      # nobody but the object has it

It is closed by a method of the class, or from outside by the attribute: `orders.session.close()`.  A class that extends
one of a library's may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.arriving import uses_of_receiver
from sqla_leaklint.domain.lifetimes.conduct import summed_up
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.opening import Opening, opening
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction, ProjectInstance, Symbol, Unknown, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_CLOSING = frozenset({Doing.CLOSES, Doing.ENTERS, Doing.DEFERS, Doing.STORES, Doing.FILES, Doing.YIELDS})
_RELEASING = RELEASES | {Doing.DEFERS}
_CLOSING_METHODS = frozenset({"close", "aclose", "remove"})
HARMLESS_BASES = ("abc.", "builtins.", "typing.", "typing_extensions.")


@dataclass(frozen=True, slots=True)
class Holding:
    """A class whose objects keep a session that is opened for them, and the attributes that they keep it in."""

    cls: ProjectClass
    attributes: frozenset[str]
    opening: Opening


def opened_by(evaluator: Evaluator, cls: ProjectClass) -> Holding | None:
    """The session that objects of a class open themselves when they are made."""
    found = evaluator.classes.find(cls, "__init__", on_instance=False)
    if found is None or not isinstance(found[1], t.FunctionRef) or not isinstance(found[0], ProjectClass):
        return None
    constructor = evaluator.classes.function(ProjectFunction(found[0].path, found[1].qualname))
    module = evaluator.project.summary_at(found[0].path)
    if constructor is None or module is None:
        return None
    for act in constructor.acts:
        is_own = isinstance(act.base, t.Param) and act.base.name == constructor.parameters[0].name
        if act.deed is Deed.STORED_ATTRIBUTE and is_own and isinstance(act.value, t.Call) and isinstance(act.key, str):
            session = opening(evaluator, act.value, evaluator.frame(module))
            if session is not None:
                return Holding(cls, frozenset({act.key}), session)
    return None


# --- whether anybody closes it ---


def is_left_open(domain: Domain, holding: Holding) -> bool:
    """Whether objects of a class take a connection by their session, and neither they nor others close it."""
    if not _is_own(domain, holding):
        return False
    takes_connection = False
    for method, uses in _uses_of_methods(domain, holding):
        doings = {use.doing for use in uses}
        if doings & _CLOSING:
            return False
        takes_connection |= Doing.RUNS_SQL in doings and not summed_up(uses, method).commits_last
    return takes_connection and not _is_closed_from_outside(domain, holding)


def is_ever_closed(domain: Domain, holding: Holding) -> bool:
    """Whether a method of the class closes the session, whoever may call it, or somebody does from outside."""
    methods = _uses_of_methods(domain, holding)
    return any(use.doing in _RELEASING for _, uses in methods for use in uses) or _is_closed_from_outside(
        domain, holding
    )


def _is_own(domain: Domain, holding: Holding) -> bool:
    """Whether a class extends nothing but the project's own classes, and what adds nothing."""
    line = domain.evaluator.classes.line(holding.cls)
    return all(base.path.startswith(HARMLESS_BASES) for base in line if isinstance(base, Symbol))


def _uses_of_methods(domain: Domain, holding: Holding) -> Iterator[tuple[ProjectFunction, tuple[Use, ...]]]:
    evaluator = domain.evaluator
    session_type = evaluator.classes.library_type(holding.opening.instance)
    if session_type is None:
        return
    for method in _methods(evaluator, evaluator.classes.line(holding.cls)):
        yield method, uses_of_receiver(evaluator, method, holding.attributes, session_type)


def _methods(evaluator: Evaluator, line: tuple[ProjectClass | Symbol, ...]) -> Iterator[ProjectFunction]:
    for base in line:
        module = evaluator.project.summary_at(base.path) if isinstance(base, ProjectClass) else None
        for function in module.functions.values() if module is not None else ():
            if isinstance(base, ProjectClass) and function.owner == base.qualname and function.name != "__init__":
                yield ProjectFunction(base.path, function.qualname)


def _is_closed_from_outside(domain: Domain, holding: Holding) -> bool:
    """Whether somebody writes `orders.session.close()`, of such an object or of one that is not known."""
    evaluator = domain.evaluator
    return any(
        _closes(evaluator, user, holding)
        for attribute in sorted(holding.attributes)
        for user in evaluator.project.mentioning(attribute, and_any_of=(*_CLOSING_METHODS, "with "))
    )


def _closes(evaluator: Evaluator, user: ModuleSummary, holding: Holding) -> bool:
    frame = evaluator.frame(user)
    for _, act in user.mentions():
        session: t.Term | None = None
        if act.deed is Deed.ENTERED:
            session = act.value
        elif act.deed is Deed.CALLED and isinstance(act.value, t.Call) and isinstance(act.value.func, t.Attr):
            session = act.value.func.base if act.value.func.name in _CLOSING_METHODS else None
        if not isinstance(session, t.Attr) or session.name not in holding.attributes:
            continue
        for owner in alternatives(evaluator.of(session.base, frame)):
            if isinstance(owner, Unknown) or (
                isinstance(owner, ProjectInstance) and holding.cls in evaluator.classes.line(owner.cls)
            ):
                return True
    return False
