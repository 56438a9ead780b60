"""A provider that is run by hand becomes a context manager round what its session is used for.

    db = next(get_db())                                with contextmanager(get_db)() as db:
    names = db.scalars(query).all()           →            names = db.scalars(query).all()

What the provider does after its `yield` is done where the block ends, and an exception of the block arrives there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.with_block import Enclosure, enclosure, rendered
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.lifetimes import TakenSession
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap


def enter_provider(taken: TakenSession) -> PendingFix | None:
    """The fix, where the session is all that an assignment binds and the block after it is all that uses it."""
    acquisition, provider = taken.acquisition, taken.function
    is_async = acquisition.opening.is_async
    if acquisition.name is None or provider is None or provider.decorators:
        return None
    if provider.is_async and not acquisition.function.is_async:
        return None
    block = enclosure(acquisition.function, acquisition.event.stmt)
    manager = "asynccontextmanager" if provider.is_async else "contextmanager"
    if (
        block is None
        or (is_async and not provider.is_async)
        or not is_free(acquisition.domain, acquisition.body, manager)
    ):
        return None
    message = f"open `{acquisition.name}` by `{manager}`"
    domain, made_by = acquisition.domain, taken.made_by

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return _edits(source, domain, block, made_by, manager, is_async=provider.is_async)

    return PendingFix(Applicability.UNSAFE, message, render)


def is_free(domain: Domain, body: Body, manager: str) -> bool:
    """Whether the name of the decorator means `contextlib`'s in a body, or nothing yet."""
    known = domain.module.summary.bindings.get(manager)
    if known is not None and domain.value_of(known) != Symbol(f"contextlib.{manager}"):
        return False
    return manager not in body.local_names


def _edits(
    source: SourceMap, domain: Domain, block: Enclosure, made_by: tree.Call, manager: str, *, is_async: bool
) -> Sequence[TextEdit]:
    function = source.offsets(made_by.func)
    start, end = source.offsets(block.opening)
    if "\n" in source.text[start:end] or "\r" in source.text[start:end]:
        return ()
    arguments = source.text[function[1] : source.offsets(made_by)[1]]
    context = f"{manager}({source.text[slice(*function)]}){arguments}"
    edits = rendered(block, "async with" if is_async else "with", source, context=context)
    if not edits:
        return ()
    return (*edits, *import_edits(source, domain.module.parsed.tree, "contextlib", manager))
