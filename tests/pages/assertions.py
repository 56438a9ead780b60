"""The comments of an example that say what is expected, and the code without them.

    session = Session()   # error                                   this page's rule reports this line
    session = Session()   # error: [unclosed-session] "never"       that rule, with this text in the message
    session = Session()   # missing: behind a dynamic import        should be reported and is not yet
    session = Session()   # spurious: closed by a callback          is reported and should not be
    reveal_value(session) # revealed: Session (fresh)               what the engine makes of the expression

A comment that has a line to itself speaks about the next line of code.  The linter never sees these comments, nor calls
of `reveal_…`: fixes and rendered output look as they would in a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tests.pages.parser import Block

MARKER = re.compile(
    r"\s*#\s*(?P<kind>error|missing|spurious|revealed)\b(?P<rest>(?:(?!#\s*(?:error|missing|spurious)\b).)*)$"
)
DETAILS = re.compile(r"^:?\s*(?:\[(?P<rule>[\w-]+)\])?\s*(?P<rest>.*?)\s*$")
QUOTED = re.compile(r'^"(?P<text>.*)"$')
REVEAL = re.compile(r"^\s*(?P<function>reveal_\w+)\(")


class UnreadableCommentError(Exception):
    """A comment looks like an expectation and cannot be read."""


class Kind(Enum):
    ERROR = "error"
    MISSING = "missing"
    SPURIOUS = "spurious"
    REVEALED = "revealed"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a comment says about a line of the *linted* text.

    `rule` is a rule's name, or None for the rule of the page; `text` must occur in the message (`error`), is the reason
    (`missing`, `spurious`) or the whole description (`revealed`).
    """

    kind: Kind
    line: int
    page_line: int
    rule: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """One file of an example as the linter sees it.

    `page_lines[n]` is the page line of line n + 1 of `text`; `revealing` is the text with its `reveal_…` calls, which
    has the same lines.
    """

    path: str
    block: Block
    text: str
    revealing: str
    page_lines: tuple[int, ...]
    expectations: tuple[Expectation, ...]

    def page_line(self, line: int) -> int:
        """The page line of a line of the linted text; lines past the end belong to the closing fence."""
        if 1 <= line <= len(self.page_lines):
            return self.page_lines[line - 1]
        return self.block.end_line


def read_example(block: Block) -> Example:
    """Take the expectations out of a block."""
    if not block.path.endswith(".py"):
        numbers = tuple(range(block.line + 1, block.end_line))
        return Example(block.path, block, block.text, block.text, numbers, ())
    linted: list[str] = []
    revealing: list[str] = []
    page_lines: list[int] = []
    expectations: list[Expectation] = []
    waiting: list[tuple[Kind, str, int]] = []
    for page_line, line in enumerate(block.text.split("\n")[:-1], start=block.line + 1):
        code, found = _split(line)
        comments = [(kind, rest, page_line) for kind, rest in found]
        if comments and not code.strip():
            waiting += comments
            continue
        page_lines.append(page_line)
        revealing.append(code)
        linted.append(_without_reveal(code))
        if not code.strip():
            continue
        expectations += [_expectation(comment, len(linted)) for comment in (*waiting, *comments)]
        waiting = []
    if waiting:
        raise UnreadableCommentError(f"line {waiting[0][2]}: no line of code follows this comment")
    return Example(block.path, block, _text(linted), _text(revealing), tuple(page_lines), tuple(expectations))


def _split(line: str) -> tuple[str, list[tuple[Kind, str]]]:
    """The code of a line and the comments that are expectations, in the order in which they were written."""
    found: list[tuple[Kind, str]] = []
    while marker := MARKER.search(line):
        found.insert(0, (Kind(marker["kind"]), marker["rest"]))
        line = line[: marker.start()]
    return line, found


def _expectation(comment: tuple[Kind, str, int], line: int) -> Expectation:
    kind, rest, page_line = comment
    if kind is Kind.REVEALED:
        return Expectation(kind, line, page_line, None, rest.removeprefix(":").strip())
    details = DETAILS.match(rest)
    if details is None or (rest.strip() and not rest.startswith(":")):
        raise UnreadableCommentError(f"line {page_line}: cannot read `# {kind.value}{rest}`")
    text = details["rest"]
    if kind is Kind.ERROR and text:
        quoted = QUOTED.match(text)
        if quoted is None:
            raise UnreadableCommentError(f'line {page_line}: put the message in quotes: `# error: "{text}"`')
        text = quoted["text"]
    if kind is not Kind.ERROR and not text:
        raise UnreadableCommentError(f"line {page_line}: say why: `# {kind.value}: …`")
    return Expectation(kind, line, page_line, details["rule"], text)


def _without_reveal(code: str) -> str:
    if not REVEAL.match(code):
        return code
    return code[: len(code) - len(code.lstrip())] + "pass"


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def named_rules(examples: tuple[Example, ...]) -> Iterator[str]:
    """The rules that the comments name."""
    for example in examples:
        yield from (expectation.rule for expectation in example.expectations if expectation.rule is not None)
