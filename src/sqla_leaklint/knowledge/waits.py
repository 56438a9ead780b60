"""The row for a call that waits for something else than the database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Awaited(str, Enum):
    """What a call waits for that has nothing to do with the database."""

    TIME = "time to pass"
    ANSWER = "the answer of another server"


@dataclass(frozen=True, slots=True)
class Wait:
    """A call that waits: a function or, with `owner`, a method of that class.

    `is_async`: it waits when its value is awaited, or entered by `async with`.
    """

    name: str
    awaited: Awaited
    docs: str
    owner: str = ""
    is_async: bool = False
    aliases: tuple[str, ...] = ()
    versions: None = None
