"""Compares the blocks that nobody types with what they should say, and rewrites them for `--update-pages`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.pages.matcher import Problem
from tests.pages.outputs import Written
from tests.pages.parser import Block


class Replacement(NamedTuple):
    """Put `text` in place of the page lines from `start` up to, not including, `end`; both count from 1."""

    start: int
    end: int
    text: str


def replacements(after: Block, existing: Sequence[Block], wanted: Sequence[Written]) -> Iterator[Replacement]:
    """Yield the changes that turn the `existing` blocks, which follow the block `after`, into the `wanted` ones."""
    for block, written in zip(existing, wanted, strict=False):
        if (_info(block), block.text) != tuple(written):
            yield Replacement(block.line, block.end_line + 1, _fenced(written))
    for block in existing[len(wanted) :]:
        yield Replacement(block.line, block.end_line + 1, "")
    place = (existing[-1] if existing else after).end_line + 1
    for written in wanted[len(existing) :]:
        yield Replacement(place, place, "\n" + _fenced(written))


def outdated(after: Block, existing: Sequence[Block], wanted: Sequence[Written]) -> Iterator[Problem]:
    """Yield a problem for each block that is not as it should be."""
    advice = "run `pytest --update-pages` and read the difference"
    for block, written in zip(existing, wanted, strict=False):
        if _info(block) != written.info:
            yield Problem(block.line, f"this block should be `{written.info}`: {advice}")
        elif block.text != written.text:
            compared = difflib.unified_diff(
                block.text.splitlines(), written.text.splitlines(), "the page", "now", n=2, lineterm=""
            )
            yield Problem(block.line, f"this block is out of date: {advice}", tuple(compared))
    for block in existing[len(wanted) :]:
        yield Problem(block.line, f"nothing produces this block any more: {advice}")
    for written in wanted[len(existing) :]:
        shown = tuple(written.text.splitlines())
        yield Problem(after.end_line, f"a block `{written.info}` has to follow: {advice}", shown)


def rewrite(path: Path, changes: Iterable[Replacement]) -> None:
    """Apply the changes to the page."""
    lines = _lines(path.read_text(encoding="utf-8"))
    ordered = sorted(enumerate(changes), key=lambda item: (item[1].start, item[1].end, item[0]), reverse=True)
    for _, change in ordered:
        end = change.end - 1
        if not change.text and end < len(lines) and not lines[end].strip():
            end += 1  # a removed block takes one blank line along
        lines[change.start - 1 : end] = _lines(change.text)
    path.write_text("".join(lines), encoding="utf-8", newline="")


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")] if text else []


def _info(block: Block) -> str:
    attributes = "".join(f' {name}="{value}"' for name, value in block.attributes.items())
    return f"{block.language}{attributes}"


def _fenced(written: Written) -> str:
    ticks = "```"
    while ticks in written.text:
        ticks += "`"
    return f"{ticks}{written.info}\n{written.text}{ticks}\n"
