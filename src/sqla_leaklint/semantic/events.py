"""What a body does with values, in the order of the text: the raw material of summaries, lifetimes and containers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.semantic.terms import Call, Term
from sqla_leaklint.syntax import tree


class Deed(Enum):
    """What is done with the value of an event."""

    CALLED = "called"
    """A call: the event's value is the `Call` term; receiver and arguments are in it."""
    ENTERED = "entered"
    """`with value` (`target` is what the block binds, if anything)."""
    RETURNED = "returned"
    YIELDED = "yielded"
    RAISED = "raised"
    STORED_ATTRIBUTE = "stored in an attribute"
    """`base.key = value`; the key is a constant."""
    STORED_ITEM = "stored under a key"
    """`base[key] = value`."""
    STORED_GLOBAL = "stored in a global or enclosing name"
    """`global key; key = value`, and every binding at module level."""
    AUGMENTED = "augmented"
    """`base += value`."""
    DELETED_ITEM = "deleted under a key"
    """`del base[key]`."""
    DELETED_NAME = "deleted"
    COLLECTED = "put in a collection"
    """The value is an element of a display, or of what a comprehension makes."""
    ITERATED = "iterated"
    """A loop or comprehension runs over the value; the node is the `For` or `CompFor`."""
    CAPTURED = "captured"
    """Read by a nested function or lambda: `key` names the capturing function."""


@dataclass(slots=True, eq=False)
class Event:
    """One deed, the node that does it and the statement around it."""

    deed: Deed
    value: Term
    node: tree.Node
    stmt: tree.Stmt | None
    base: Term | None = None
    key: Term | str | None = None

    @property
    def call(self) -> Call:
        """The term of a `CALLED` event."""
        assert isinstance(self.value, Call)
        return self.value

    @property
    def call_node(self) -> tree.Call:
        """The node of a `CALLED` event."""
        assert isinstance(self.node, tree.Call)
        return self.node
