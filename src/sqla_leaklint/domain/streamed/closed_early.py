"""Whether an endpoint can do without its session once it makes a streamed response, the generator apart.

    db.add(Download(number))
    db.commit()                                          # nothing is left to be written
    db.close()                                           # would do no harm here:
    return StreamingResponse(lines(db, number))          # nobody but the generator has the session from here on

An entity that is read later, another task, a `with` of the session round the statement, or a write that is not certain
to have been committed: the session has to stay open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.lifetimes.attachment import is_key
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.uses import uses_in
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.streamed.apart import is_apart
from sqla_leaklint.domain.streamed.streams import Making
from sqla_leaklint.domain.values import Entity, Literal, ResultValue, Rows, Statement, Value, alternatives
from sqla_leaklint.knowledge.sqlalchemy import COMPOUND_SELECT, QUERY, SELECT, TEXT
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_READING = frozenset({SELECT, COMPOUND_SELECT, QUERY})
_HARMLESS = frozenset({Doing.LOOKS, Doing.RUNS_SQL})


@dataclass(frozen=True, eq=False)
class StreamingEndpoint:
    """An endpoint, the call that makes the generator, the one that makes the response, and the session of both."""

    making: Making
    response: Handoff
    session: t.Param
    session_type: str

    @property
    def domain(self) -> Domain:
        return self.making.domain

    @property
    def function(self) -> tree.Function:
        assert isinstance(self.making.body.node, tree.Function)
        return self.making.body.node

    @property
    def is_async(self) -> bool:
        """Whether closing the session has to be awaited."""
        knowledge = self.domain.evaluator.knowledge
        return (knowledge.returns(self.session_type, "close") or "").startswith("await ")

    @cached_property
    def session_argument(self) -> tree.Argument | None:
        """The argument that gives the session to the generator, where all the others can do without it."""
        arguments = self.making.node.args
        given = [each for each in arguments if self.domain.term(each.value) is self.session]
        is_plain = all(each in given or self.is_apart(self.domain.term(each.value)) for each in arguments)
        return given[0] if len(given) == 1 and is_plain and not any(each.star for each in arguments) else None

    @cached_property
    def leaves_writes(self) -> bool:
        """Whether something may be left to be written, or committed, when the response is made."""
        is_left = False
        for event in self.making.body.events:
            if event.deed is Deed.STORED_ATTRIBUTE and event.base is not None and not self.is_apart(event.base):
                is_left = True
            for use in self._uses.get(event, ()):
                if use.doing is Doing.ENDS_TRANSACTION and event.stmt in self.function.body:
                    is_left = False
                elif use.doing not in {*_HARMLESS, Doing.ENDS_TRANSACTION} or self._may_write(use, event):
                    is_left = True
        return is_left

    @cached_property
    def needs_session_later(self) -> bool:
        """Whether the session, or what it has loaded, is used from the statement on that makes the response, or by
        another task, or is in a `with` round that statement.
        """
        others = (each for each in self.domain.subjects(Handoff) if each.body is self.making.body)
        if any(each is not self.response for each in others) or self.response.event.stmt is None:
            return True
        kept = {node for item in self._blocks_around() for node in walk(item)}
        own = {
            *walk(self.making.node.func),
            *(walk(self.session_argument) if self.session_argument is not None else ()),
        }
        is_certain = all(use.doing in _HARMLESS for uses in self._uses.values() for use in uses)
        keys: set[tree.Node] = set()
        for node in (*kept, *self._from(self.response.event.stmt)):
            term = self.domain.term(node) if isinstance(node, tree.Expr) else None
            if term is None or node in own or node in keys:
                continue
            if isinstance(node, tree.Attribute) and is_certain and is_key(term):
                keys.update(walk(node.value))
            elif isinstance(node, tree.Name) and not (self._is_stream(term) or self.is_apart(term)):
                return True
        return False

    @cached_property
    def _uses(self) -> dict[object, list[Use]]:
        """What the endpoint itself does with the session, by its acts."""
        body, module = self.making.body, self.domain.module.summary
        acts = [(each, False) for each in body.events if each.node not in {self.making.node, self.response.node}]
        found: dict[object, list[Use]] = {}
        for use in uses_in(
            self.domain.evaluator,
            module,
            module.functions[body.qualname],
            self.session,
            session_type=self.session_type,
            acts=acts,
        ):
            found.setdefault(use.act, []).append(use)
        return found

    def is_apart(self, term: t.Term | None) -> bool:
        """Whether something of the endpoint can do without the session."""
        return is_apart(self.domain, self.making.body, term, self.session)

    def _is_stream(self, term: t.Term) -> bool:
        """Whether a variable has the generator, or the response."""
        made = (self.domain.term(each) for each in (self.making.node, self.response.node))
        return term in {each for each in made if each is not None}

    def _may_write(self, use: Use, event: Event) -> bool:
        """Whether a call that sends SQL may send more than queries: `db.execute(update(Order))`."""
        if event.deed is not Deed.CALLED or use.callee is not None or use.doing is not Doing.RUNS_SQL:
            return False
        return not all(_is_read(each) for each in alternatives(unwrapped(self.domain.value_of(event.value))))

    def _blocks_around(self) -> Iterator[tree.Node]:
        """What the blocks begin with in which the response is made."""
        parents = function_text(self.domain, self.making.body).parents
        node: tree.Node | None = self.response.event.stmt
        while node is not None:
            node = parents.get(node)
            if isinstance(node, tree.With):
                yield from node.items
            elif isinstance(node, tree.For | tree.While) and not isinstance(self.response.event.stmt, tree.Return):
                yield node  # what comes before the statement comes after it as well

    def _from(self, stmt: tree.Stmt) -> Iterator[tree.Node]:
        """The nodes of a statement of the endpoint and of all that follow."""
        nodes = iter(walk(self.function))
        yield next(node for node in nodes if node is stmt)
        yield from nodes


def _is_read(value: Value) -> bool:
    match value:
        case Entity() | Literal():
            return True
        case Rows(statement=Statement() as statement) | ResultValue(statement=Statement() as statement):
            is_query = any(isinstance(each, Literal) and _asks(each.value) for each in statement.projections)
            return statement.type in _READING or (statement.type == TEXT and is_query)
        case _:
            return False


def _asks(text: object) -> bool:
    return isinstance(text, str) and text.lstrip().lower().startswith("select")
