"""Reads a Markdown page: its headings, and the fenced blocks below each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<ticks>`{3,}|~{3,})[ ]*(?P<language>[\w+-]*)[ ]*(?P<attributes>.*?)\s*$")
HEADING = re.compile(r"^(?P<marks>#{1,6})[ ]+(?P<text>.+?)[ ]*#*$")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')

DEFAULT_FILE = "main.py"


class PageError(Exception):
    """The page itself is malformed; the message starts with `path:line`."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: `line` is the page line of the opening fence, `end_line` that of the closing one."""

    language: str
    attributes: Mapping[str, str]
    text: str
    line: int
    end_line: int

    @property
    def title(self) -> str | None:
        return self.attributes.get("title")

    @property
    def is_fix(self) -> bool:
        return self.language == "diff"

    @property
    def is_settings(self) -> bool:
        return self.language == "toml" and self.title is None

    @property
    def is_output(self) -> bool:
        return self.language == "text" and self.title is None

    @property
    def is_file(self) -> bool:
        """Every titled block is a file of the project, whatever its language; so is an untitled `py` block."""
        return not self.is_fix and (self.title is not None or self.language == "py")

    @property
    def path(self) -> str:
        return self.title or DEFAULT_FILE


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the blocks between it and the next heading; `parents` are the headings that enclose it."""

    heading: str
    level: int
    line: int
    end_line: int
    parents: tuple[Section, ...]
    blocks: tuple[Block, ...]
    prose: str

    @property
    def title(self) -> str:
        """The headings from the second level down, so that two cases called "In a class" differ."""
        named = [section.heading for section in (*self.parents, self) if section.level > 1]
        return " / ".join(named) or self.heading

    @property
    def settings(self) -> Iterator[Block]:
        """The settings that hold here, outermost heading first."""
        for section in (*self.parents, self):
            yield from (block for block in section.blocks if block.is_settings)

    @property
    def files(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.is_file)


@dataclass(frozen=True, slots=True)
class Page:
    path: Path
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        return self.sections[0].heading if self.sections else ""

    def section(self, heading: str) -> Section | None:
        return next((section for section in self.sections if section.heading == heading), None)


def read_page(path: Path) -> Page:
    return parse_page(path.read_text(encoding="utf-8"), path)


def parse_page(text: str, path: Path) -> Page:
    """Split a page into its sections; text above the first heading belongs to none."""
    lines = text.removesuffix("\n").split("\n")  # a form feed ends no line of an example
    starts = _headings(lines, path)
    sections: list[Section] = []
    enclosing: list[Section] = []
    for index, (start, level, heading) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(lines)
        while enclosing and enclosing[-1].level >= level:
            enclosing.pop()
        blocks = tuple(_blocks(lines, start + 1, end, path))
        fenced = {number for block in blocks for number in range(block.line - 1, block.end_line)}
        prose = "\n".join(lines[number] for number in range(start + 1, end) if number not in fenced).strip()
        section = Section(heading, level, start + 1, end, tuple(enclosing), blocks, prose)
        sections.append(section)
        enclosing.append(section)
    return Page(path, tuple(sections))


def _headings(lines: list[str], path: Path) -> list[tuple[int, int, str]]:
    """Zero-based line, level and text of every heading outside a fence."""
    found: list[tuple[int, int, str]] = []
    closing: str | None = None
    opened = 0
    for number, line in enumerate(lines):
        if closing is not None:
            if _closes(line, closing):
                closing = None
        elif fence := FENCE.match(line):
            closing, opened = fence["ticks"], number
        elif heading := HEADING.match(line):
            found.append((number, len(heading["marks"]), heading["text"]))
    if closing is not None:
        raise PageError(f"{path}:{opened + 1}: the block is never closed")
    return found


def _blocks(lines: list[str], start: int, end: int, path: Path) -> Iterator[Block]:
    number = start
    while number < end:
        fence = FENCE.match(lines[number])
        if fence is None:
            number += 1
            continue
        last = next(i for i in range(number + 1, len(lines)) if _closes(lines[i], fence["ticks"]))
        attributes = dict(ATTRIBUTE.findall(fence["attributes"]))
        if ATTRIBUTE.sub("", fence["attributes"]).strip():
            raise PageError(f'{path}:{number + 1}: cannot read {fence["attributes"]!r}; write title="path"')
        text = "".join(f"{line}\n" for line in lines[number + 1 : last])
        yield Block(fence["language"], attributes, text, number + 1, last + 1)
        number = last + 1


def _closes(line: str, ticks: str) -> bool:
    bare = line.rstrip()
    return len(bare) >= len(ticks) and set(bare) == {ticks[0]}
