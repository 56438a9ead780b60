"""A dependency returns a session that it opened: FastAPI closes nothing that a dependency returns."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import DependedFactory, HeldSession, ReturnedSession
from sqla_leaklint.fixes.yielding_provider import yield_from_provider
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_factory

rule = Rule(
    code="LKS104",
    name="session-returned-by-dependency",
    group=Group.LEAK,
    since="0.1.0",
    summary="a dependency returns a session that it opened, and nobody closes it",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(ReturnedSession)
def check(session: ReturnedSession, domain: Domain) -> Iterator[Draft]:
    dependent, function = session.dependent, session.function
    if dependent is None:
        return
    provider = f"`{function.name}`" if function is not None else "this lambda"
    what = "closed: used, it opens again, and" if session.is_closed else "open:"
    draft = rule.diagnostic(session.node, f"{provider} returns its session {what} nobody closes it")
    keyword = "async with" if session.opening.is_async else "with"
    draft = draft.with_help(
        f"`yield` it inside of `{keyword}`: FastAPI closes nothing that a dependency returns, each request keeps its "
        "connection until the cyclic collector runs, and after a few requests the next ones end in "
        "`QueuePool limit … reached`"
    )
    draft = with_factory(draft, domain, session.opening)
    if session.is_closed:
        draft = draft.with_note(session.closing, "it is closed here, before it is used")
    if dependent.function is not None:
        place = domain.locate(dependent.module.path, dependent.function.qualname)
        draft = draft.with_note(place, f"`{dependent.function.name}` depends on it, and does not close it")
    yield draft.with_fix(yield_from_provider(session))


@rule.check(HeldSession)
def check_object(session: HeldSession, domain: Domain) -> Iterator[Draft]:
    holder, dependent, function = session.holder, session.dependent, session.function
    if session.is_of_constructor:
        draft = rule.diagnostic(session.node, f"`{holder.name}` opens a session for each request and never closes it")
    else:
        provider = f"`{function.name}`" if function is not None else "this lambda"
        draft = rule.diagnostic(session.node, f"{provider} returns an object whose session nobody closes")
        act = "opens it when it is made" if session.is_made else "keeps it"
        draft = draft.with_note(
            domain.locate(holder.path, holder.qualname), f"`{holder.name}` {act}, and never closes it"
        )
    draft = draft.with_help(
        "get the session from a dependency that yields it inside of `with`, and give it to the object: FastAPI closes "
        "nothing of an object that a dependency returns, and its connection comes back with the cyclic collector only"
    )
    if dependent.function is not None:
        place = domain.locate(dependent.module.path, dependent.function.qualname)
        draft = draft.with_note(place, f"`{dependent.function.name}` depends on it")
    can_yield = not session.is_made and not session.is_of_constructor
    yield draft.with_fix(yield_from_provider(session)) if can_yield else draft


@rule.check(DependedFactory)
def check_factory(factory: DependedFactory, domain: Domain) -> Iterator[Draft]:
    name = f"`{factory.name}`" if factory.name is not None else "a session factory"
    draft = rule.diagnostic(factory.node, f"{name} is no provider: no request that depends on it gets a session")
    cause = "of its constructor " if factory.is_class else ""
    yield draft.with_help(
        f"depend on a function that yields a session inside of `with`: FastAPI looks for the parameters {cause}in the "
        "request and answers 422 or 500; a function that returned the session would leave it open"
    )
