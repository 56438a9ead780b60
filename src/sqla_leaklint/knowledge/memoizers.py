"""The row for a decorator that keeps what the function below it returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memoizer:
    """A decorator that keeps results by arguments for ever: `bound_keyword` bounds it, `default_bound` is how many it
    keeps when that is not given (None: all).
    """

    name: str
    docs: str
    bound_keyword: str = ""
    default_bound: int | None = None
    aliases: tuple[str, ...] = ()
