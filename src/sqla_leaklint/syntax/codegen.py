"""Positions from LibCST's own code generator: it walks the tree as if to print it, and we only count.

`metadata.PositionProvider` does the same and keeps every node, every token and a line and a column for each; this keeps
one integer and the nodes that are asked for, and is several times as fast.  The tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TypeAlias

import libcst as cst
from libcst._nodes.internal import CodegenState

Offsets: TypeAlias = "tuple[int, int]"

_STRINGS: frozenset[type[cst.CSTNode]] = frozenset((cst.SimpleString, cst.FormattedString, cst.TemplatedString))
_UNRECORDED: AbstractContextManager[None] = nullcontext()


def node_offsets(module: cst.Module, targets: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Offsets]:
    """Return where in the printed module each target starts and ends; targets of another module are left out."""
    state = _TargetState(module, set(targets))
    if state.targets:
        with suppress(_AllFoundError):
            module._codegen(state)  # noqa: SLF001  # what `Module.code` calls; public ways keep all tokens
    return state.found


def string_and_comment_offsets(module: cst.Module) -> tuple[list[Offsets], list[Offsets]]:
    """Return where string literals (outermost ones; without parentheses) and comments start and end, in order."""
    state = _LiteralState(module)
    module._codegen(state)  # noqa: SLF001  # as above
    return state.strings, state.comments


class _AllFoundError(Exception):
    """Every target has its position: the rest of the module need not be walked."""


class _CountingState(CodegenState):
    """A code generator's state that has an offset in place of the tokens."""

    __slots__ = ("offset",)

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.offset = 0

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.offset += len(token)

    def add_token(self, value: str) -> None:
        self.offset += len(value)

    def pop_trailing_newline(self) -> None:
        """Do nothing: nothing is asked for after the end."""


class _TargetState(_CountingState):
    """Records the offsets of the targets, and of the nodes that their ends hang on."""

    __slots__ = ("found", "missing", "starts", "targets")

    def __init__(self, module: cst.Module, targets: set[cst.CSTNode]) -> None:
        super().__init__(module)
        self.targets = targets
        self.missing = set(targets)
        self.starts: list[int] = []
        self.found: dict[cst.CSTNode, Offsets] = {}

    def before_codegen(self, node: cst.CSTNode) -> None:
        if node in self.targets:
            self.starts.append(self.offset)

    def after_codegen(self, node: cst.CSTNode) -> None:
        if node not in self.targets:
            return
        start = self.starts.pop()
        self.found.setdefault(node, (start, self.offset))  # a syntactic position is narrower, and came first
        self.missing.discard(node)
        if not self.missing:
            raise _AllFoundError

    def record_syntactic_position(  # type: ignore[override]  # any context manager will do, and ours is cheaper
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> AbstractContextManager[None]:
        if node not in self.targets:
            return _UNRECORDED
        # Both are generated inside of the context that is entered now.
        self.targets.update(inner for inner in (start_node, end_node) if inner is not None)
        return _SyntacticPosition(self, node, start_node, end_node)


class _SyntacticPosition(AbstractContextManager[None]):
    """Records the offsets of a node without the white space and the parentheses that it owns."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(
        self,
        state: _TargetState,
        node: cst.CSTNode,
        start_node: cst.CSTNode | None,
        end_node: cst.CSTNode | None,
    ) -> None:
        self.state = state
        self.node = node
        self.start_node = start_node
        self.end_node = end_node

    def __enter__(self) -> None:
        self.start = self.state.offset

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:
            return
        found = self.state.found
        start = self.start if self.start_node is None else found[self.start_node][0]
        end = self.state.offset if self.end_node is None else found[self.end_node][1]
        found[self.node] = (start, end)


class _LiteralState(_CountingState):
    """Records the offsets of all string literals and comments."""

    __slots__ = ("comments", "is_in_string", "strings")

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module)
        self.strings: list[Offsets] = []
        self.comments: list[Offsets] = []
        self.is_in_string = False

    def before_codegen(self, node: cst.CSTNode) -> None:
        if node.__class__ is cst.Comment:
            self.comments.append((self.offset, self.offset + len(node.value)))

    def record_syntactic_position(  # type: ignore[override]  # any context manager will do, and ours is cheaper
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,  # noqa: ARG002  # strings have neither
        end_node: cst.CSTNode | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        if node.__class__ in _STRINGS and not self.is_in_string:
            return _StringPosition(self)
        return _UNRECORDED


class _StringPosition(AbstractContextManager[None]):
    """Records one string; strings inside of it (in an f-string) belong to it."""

    __slots__ = ("start", "state")

    def __init__(self, state: _LiteralState) -> None:
        self.state = state

    def __enter__(self) -> None:
        self.start = self.state.offset
        self.state.is_in_string = True

    def __exit__(self, *exception: object) -> None:
        self.state.is_in_string = False
        self.state.strings.append((self.start, self.state.offset))
