"""Whether the key of an entity can be read at some place in a function: it is in memory there, or may be asked for.

    order = db.scalars(select(Order).where(Order.number == number)).first()
    if order is None: raise HTTPException(404)       # from here on there is one
    tasks.add_task(send_receipt, order.id)           # in memory: the query brought it
    db.commit()                                      # expires all of it
    send_receipt.delay(order.id)                     # not any more: it is asked for, where the session is open

A new entity has a key when it has been flushed.  What may expire the entity, and nothing is certain to load it again,
counts as expired: a helper that is given the session, a block that ends its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.application.providers import commits
from sqla_leaklint.domain.handed_over.belonging import Belonging, session_in
from sqla_leaklint.domain.handed_over.branches import is_on_every_way
from sqla_leaklint.domain.handed_over.lookups import lookup_of, primary_key
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.values import Instance, ProjectFunction, Rows, alternatives
from sqla_leaklint.knowledge.facts import Kind, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.questions import is_name
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import own

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_HARMLESS = frozenset(
    {"add", "add_all", "execute", "exec", "flush", "get", "get_one", "query", "refresh", "scalar", "scalars"}
)
"""Methods of a session that expire nothing of an entity; what else it is asked or given to may."""
_BLOCKS = frozenset({"begin", "begin_nested"})
_CLOSING = frozenset({"close", "aclose", "reset", "invalidate", "expunge", "expunge_all", "delete"})
_LOOPS = (tree.For, tree.While, tree.Comprehension)


@dataclass(frozen=True, eq=False)
class HeldEntity:
    """An entity, or a list of them, in a variable at a node of a body."""

    domain: Domain
    body: Body
    node: tree.Node
    variable: str
    term: Term
    belonging: Belonging

    def key(self, *, may_be_loaded: bool) -> str | None:
        """What to write for its primary key: the variable that it was looked up by, else its own attribute.

        `may_be_loaded`: the key may be asked for by the session, where it is not in memory.
        """
        model = self.belonging.kind.model
        column = primary_key(self.domain.evaluator, model)
        if column is None or self.node not in self._order or self.may_be_gone or not self.is_committed:
            return None
        lookup = lookup_of(self.domain, self.body, self.term, model) if self.belonging.kind.is_loaded else None
        if lookup is not None and (lookup.is_sole or self.is_there):
            return lookup.variable
        is_at_hand = self.has_key or (may_be_loaded and self.can_be_loaded)
        return f"{self.variable}.{column}" if is_at_hand and self.is_there else None

    @property
    def is_there(self) -> bool:
        """Whether it is certain not to be None: the query says so, it is tested, or an attribute of it is named."""
        kind = self.belonging.kind
        if kind.is_many or not kind.is_loaded or isinstance(self.term, t.Element) or self._is_demanded:
            return True
        return any(self._is_passed(node) for node in self._order if self._proves_it(node))

    @property
    def is_committed(self) -> bool:
        """Whether others can see it, as far as it is new."""
        return self.belonging.kind.is_loaded or any(
            method == "commit" and self._is_passed(event.node) for event, method in self._own_calls
        )

    @property
    def may_be_gone(self) -> bool:
        """Whether the function closes the session, takes something out of it or deletes something by it."""
        return any(method in _CLOSING for _, method in self._own_calls)

    @property
    def has_key(self) -> bool:
        """Whether its primary key is certain to be in memory."""
        if self._has_transaction_block:
            return False
        places = [self._order[event.node] for event, method in self._own_calls if self._expires(event, method)]
        if self._is_in_loop and any(place > self._place for place in places):
            return False
        lost = [place for place in places if self._birth < place < self._place]
        if not self._is_born_whole:
            lost.append(self._birth)
        return not lost or max(lost) < max((self._order[node] for node in self._renewing), default=0)

    @property
    def can_be_loaded(self) -> bool:
        """Whether its session is certain to be open there, so that it loads what is read."""
        is_async = self.domain.evaluator.classes.is_a(self.belonging.session, Kind.ASYNC_SESSION)
        if is_async or self.may_be_gone or not self.is_committed:
            return False
        match self._session:
            case t.Param():
                return True
            case t.Enter(value=context):
                blocks = (above for above in self._around if isinstance(above, tree.With))
                return any(self.domain.term(item.context) is context for block in blocks for item in block.items)
            case _:
                return False

    # --- the text ---

    @cached_property
    def _order(self) -> dict[tree.Node, int]:
        """The place of each node of the body, what is in nested functions left out."""
        block = self.body.node.body
        nodes = own(*block) if isinstance(block, tuple) else own(block)
        return {node: place for place, node in enumerate(nodes, 1)}

    @property
    def _place(self) -> int:
        return self._order[self.node]

    @cached_property
    def _around(self) -> tuple[tree.Node, ...]:
        """The nodes round the place, the innermost first."""
        parents, found = function_text(self.domain, self.body).parents, [self.node]
        while found[-1] in parents:
            found.append(parents[found[-1]])
        return tuple(found)

    @property
    def _is_in_loop(self) -> bool:
        return any(isinstance(above, _LOOPS) for above in self._around)

    @cached_property
    def _births(self) -> tuple[Event, ...]:
        """The calls that loaded or made it."""
        made = set(t.all_in([self.term]))
        return tuple(event for event in self._calls() if event.value in made)

    @cached_property
    def _birth(self) -> int:
        return max((self._order[event.node] for event in self._births), default=0)

    def _is_passed(self, node: tree.Node) -> bool:
        """Whether who comes to the place has come by a node, after it was loaded or made."""
        is_between = self._birth < self._order[node] < self._place
        return is_between and is_on_every_way(self.domain, self.body, node, self.node)

    def _calls(self) -> Iterator[Event]:
        return (event for event in self.body.events if event.deed is Deed.CALLED and event.node in self._order)

    # --- whether there is one ---

    @property
    def _is_demanded(self) -> bool:
        """Whether a query that finds none raises."""
        found = alternatives(unwrapped(self.domain.value_of(self.term)))
        return all(isinstance(each, Rows) and each.consumer.shape is Shape.ROW for each in found)

    def _proves_it(self, node: tree.Node) -> bool:
        match node:
            case tree.If(test=test, body=(*_, tree.Raise() | tree.Return() | tree.Continue())):
                return self._fails_without(test)
            case tree.Attribute(value=value):
                return is_name(value, self.variable)
            case _:
                return False

    def _fails_without(self, test: tree.Expr) -> bool:
        """Whether a test holds where there is none."""
        match test:
            case tree.Not(value=value) | tree.Compare(left=value, comparisons=(("is", tree.Constant(value=None)),)):
                return is_name(value, self.variable)
            case tree.BoolOp(operator="or"):
                return self._fails_without(test.left) or self._fails_without(test.right)
            case _:
                return False

    # --- what its session does ---

    @cached_property
    def _session(self) -> Term | None:
        return session_in(self.domain, self.body, self.belonging)

    @cached_property
    def _own_calls(self) -> tuple[tuple[Event, str], ...]:
        """The calls of the session's methods, and ("") of what is given the session."""
        domain, summary = self.domain, self.domain.module.summary
        kind = domain.evaluator.classes.library_type(self.belonging.session)
        function = summary.functions.get(self.body.qualname)
        if self._session is None or kind is None or function is None:
            return ()
        tracker = Tracker(domain.evaluator, summary, function, kind, seed=self._session)
        found: list[tuple[Event, str]] = []
        for event in self._calls():
            call = event.call
            receiver = [call.func.base] if isinstance(call.func, t.Attr) else []
            given = (*receiver, *call.args, *(value for _, value in call.keywords))
            method = tracker.method(call.func)
            if method is not None or any(tracker.carry(each) in TRACED for each in given):
                found.append((event, method or ""))
        return tuple(found)

    @property
    def _has_transaction_block(self) -> bool:
        """Whether a block commits where it ends."""
        opened = self._session.value if isinstance(self._session, t.Enter) else None
        is_opened_by_block = isinstance(opened, t.Call) and method_name(opened.func) in _BLOCKS
        return is_opened_by_block or any(method in _BLOCKS for _, method in self._own_calls)

    @property
    def _keeps(self) -> bool:
        """Whether a commit of the session is known to leave its entities as they are."""
        session = self.belonging.session
        return isinstance(session, Instance) and session.expires_on_commit is False

    @property
    def _is_born_whole(self) -> bool:
        """Whether it has all its columns when the function gets it."""
        if not self.belonging.kind.is_loaded or self.belonging.through:
            return False
        callees = (self.domain.value_of(event.call.func) for event in self._births)
        helpers = (each for callee in callees for each in alternatives(callee) if isinstance(each, ProjectFunction))
        return not any(commits(self.domain.evaluator, each) for each in helpers)

    def _expires(self, event: Event, method: str) -> bool:
        if event in self._births or method in _HARMLESS:
            return False
        return not (method == "commit" and self._keeps)

    @property
    def _renewing(self) -> Iterator[tree.Node]:
        """What is certain to leave it with its key, on the way to the place."""
        kind = self.belonging.kind
        model = models_of(self.domain.evaluator).of(kind.model)
        for event, method in () if kind.is_many else self._own_calls:
            given = [argument.value for argument in event.call_node.args]
            is_refreshed = method == "refresh" and len(given) == 1 and is_name(given[0], self.variable)
            is_flushed = not kind.is_loaded and (method == "flush" or (method == "commit" and self._keeps))
            if (is_refreshed or is_flushed) and self._is_passed(event.node):
                yield event.node
        columns = model.columns if model is not None and kind.is_loaded else {}
        for node in self._order:
            match node:
                case tree.Attribute(value=value, attr=name) if name in columns and is_name(value, self.variable):
                    if node not in self._stored and self._is_passed(node):
                        yield node
                case _:
                    pass

    @cached_property
    def _stored(self) -> frozenset[tree.Node]:
        """What is assigned to."""
        targets: list[tree.Expr] = []
        for node in self._order:
            match node:
                case tree.Assign():
                    targets.extend(node.targets)
                case tree.AnnAssign() | tree.AugAssign() | tree.For():
                    targets.append(node.target)
                case tree.Delete():
                    targets.extend(node.targets)
                case _:
                    pass
        return frozenset(node for target in targets for node in own(target))
