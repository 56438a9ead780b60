"""What the linter says: plain, immutable, serialisable data that every host and format shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Group(str, Enum):
    """How sure and how grave a diagnostic is; decides what is on by default."""

    LEAK = "leak"
    WASTE = "waste"
    STRICT = "strict"


class Applicability(str, Enum):
    """How far a fix can be trusted.

    `SAFE` keeps results, side effects and comments; `UNSAFE` is right in the usual case and wants a reader; `DISPLAY`
    is
    shown and never applied.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


class Span(NamedTuple):
    """A stretch of text: lines and columns count from 1 in characters, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Location:
    """A span in a file; the path is as the user would write it."""

    path: str
    span: Span


@dataclass(frozen=True, slots=True)
class Note:
    """A secondary place on the path of a leak and what happens there."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of a span by `content` (an empty span inserts)."""

    location: Location
    content: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that belong together: all are applied or none."""

    applicability: Applicability
    message: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong, where, why and what to do about it."""

    code: str
    name: str
    group: Group
    message: str
    location: Location
    help: str | None = None
    notes: tuple[Note, ...] = ()
    fix: Fix | None = None

    @property
    def sort_key(self) -> tuple[str, Span, str, str]:
        """Order of output: by file, place, code, and then message, so that equal runs print equal bytes."""
        return (self.location.path, self.location.span, self.code, self.message)
