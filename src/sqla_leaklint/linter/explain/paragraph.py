"""A paragraph of an explanation: a sentence, and facts under labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqla_leaklint.syntax import tree

INDENT = "  "


@dataclass(slots=True)
class Paragraph:
    """A sentence about one subject, and what is known of it: each fact is a label and its lines.

    `about` are the nodes of the line that it speaks of, so that they need no paragraph of their own.
    """

    title: str
    facts: list[tuple[str, list[str]]] = field(default_factory=list)
    about: tuple[tree.Node, ...] = ()

    def add(self, label: str, lines: str | Iterable[str]) -> None:
        """One more fact, if there is anything to say."""
        told = [lines] if isinstance(lines, str) else list(lines)
        if told:
            self.facts.append((label, told))

    def render(self) -> Iterator[str]:
        """Its lines, the facts in two columns."""
        yield self.title
        width = max((len(label) for label, _ in self.facts), default=0)
        for label, lines in self.facts:
            first, *others = lines
            yield f"{INDENT}{label:<{width}}  {first}".rstrip()
            for line in others:
                yield f"{INDENT}{'':<{width}}  {line}"


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows of a table, in lines: every column but the last as wide as its widest cell."""
    table = list(rows)
    if not table:
        return []
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in table
    ]
