"""What is found out once and kept with its owner, a run's evaluator or a module's domain, and freed with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

O = TypeVar("O", bound="_Owner")  # noqa: E741  (the owner)
V = TypeVar("V")


class _Owner(Protocol):
    memos: dict[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Memo(Generic[O, V]):
    """A value for each owner, made when it is first asked for.

    It lies in the owner: a weak dictionary by owners never frees one that its values lead back to, as these do.
    """

    make: Callable[[O], V]

    def of(self, owner: O) -> V:
        """The value of that owner."""
        if self not in owner.memos:
            owner.memos[self] = self.make(owner)
        found: V = owner.memos[self]
        return found
