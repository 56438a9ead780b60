"""Where the nodes of a module are in its text: offsets, lines and columns, computed only for the nodes asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TypeVar

from sqla_leaklint.diagnostics import Span
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.codegen import Offsets, node_offsets, string_and_comment_offsets
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.parse import ParsedModule
from sqla_leaklint.syntax.source import SourceError
from sqla_leaklint.syntax.walk import walk

_Result = TypeVar("_Result")

_NEWLINE = re.compile(r"\r\n?|\n")
_INDENTATION = re.compile(r"[ \t\f]*")


class SourceMap:
    """Positions in one module.

    Offsets count characters of the decoded text, `text[start:end]`.  A node's stretch leaves out the parentheses around
    it, the decorators of a definition and the semicolon of a statement.  Looking for positions costs about a third of
    parsing the module, however many nodes are asked for: pass them to `prepare` together.
    """

    def __init__(self, parsed: ParsedModule) -> None:
        self._parsed = parsed
        self._offsets: dict[object, Offsets] = {}
        self._misses = 0
        self._lines: list[int] | None = None
        self._literals: tuple[tuple[Offsets, ...], tuple[Offsets, ...]] | None = None

    @property
    def text(self) -> str:
        """The text of the module."""
        return self._parsed.source.text

    def prepare(self, nodes: Iterable[tree.Node]) -> None:
        """Compute the positions of many nodes at once.

        Python 3.12 allows far fewer nested calls through C than the others, and the code generator makes one for each
        level: there an expression of more than some 700 links raises `SourceError` here.
        """
        targets = {node.cst for node in nodes if node.cst not in self._offsets}
        if not targets:
            return
        end = len(self.text)
        # A file that does not end in a newline is printed with one.
        found = _walked(lambda: node_offsets(self._parsed.cst, targets))
        self._offsets.update({node: (min(start, end), min(stop, end)) for node, (start, stop) in found.items()})

    def offsets(self, node: tree.Node) -> Offsets:
        """Return where a node starts and ends; raise `KeyError` for a node of another module."""
        if node.cst not in self._offsets:
            self._misses += 1
            # Whoever comes back for a second node without preparing may come for all of them.
            self.prepare((node,) if self._misses == 1 else (node, *walk(self._parsed.tree)))
        return self._offsets[node.cst]

    def span(self, node: tree.Node) -> Span:
        """Return the lines and columns of a node."""
        return self.span_between(*self.offsets(node))

    def span_between(self, start: int, end: int) -> Span:
        """Return the lines and columns of `text[start:end]`."""
        return Span(*self.line_and_column(start), *self.line_and_column(end))

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of an offset."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of an offset starts."""
        starts = self._line_starts()
        return starts[bisect_right(starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return the offset at which the line of an offset ends, before its line ending."""
        starts = self._line_starts()
        newline = _NEWLINE.search(self.text, starts[bisect_right(starts, offset) - 1])
        return len(self.text) if newline is None else newline.start()

    def indentation(self, node: tree.Node) -> str:
        """Return the leading white space of the line that a node starts on."""
        found = _INDENTATION.match(self.text, self.line_start(self.offsets(node)[0]))
        return "" if found is None else found[0]

    def multiline_strings(self) -> tuple[Offsets, ...]:
        """Return where the string literals are that go over a line ending (indenting them would change them)."""
        return self._strings_and_comments()[0]

    def comments(self) -> tuple[Offsets, ...]:
        """Return where the comments are, from `#` to the end of the line."""
        return self._strings_and_comments()[1]

    def _strings_and_comments(self) -> tuple[tuple[Offsets, ...], tuple[Offsets, ...]]:
        if self._literals is None:
            strings, comments = _walked(lambda: string_and_comment_offsets(self._parsed.cst))
            multiline = [stretch for stretch in strings if _NEWLINE.search(self.text, *stretch)]
            self._literals = tuple(multiline), tuple(comments)
        return self._literals

    def _line_starts(self) -> list[int]:
        if self._lines is None:
            self._lines = [0, *(newline.end() for newline in _NEWLINE.finditer(self.text))]
        return self._lines


def _walked(walk_module: Callable[[], _Result]) -> _Result:
    try:
        return call_with_deep_stack(walk_module)
    except RecursionError:
        raise SourceError("expression is nested too deeply") from None
