"""The statements of a function that need a session: from the first that names it to the last that uses what may be its.

    yield "id"
    rows = db.scalars(select(Row)).all()        # the first: names the session
    found = []
    for row in rows:                            # uses entities
        found.append(row)
    yield from found                            # the last: what was put into may hold them
    yield "end"

What is known to be in memory can be used after the stretch: rows of columns, numbers, text.  Where a `while` loop is
all of the stretch, it is looked for in the loop, so that there is a session for each round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.waiting import wait_of
from sqla_leaklint.domain.streamed.apart import is_apart
from sqla_leaklint.domain.values import alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import own, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Statements of one block that follow each other; `loop` is the `while` of whose rounds they are a part."""

    domain: Domain
    statements: tuple[tree.Stmt, ...]
    loop: tree.While | None = None

    @property
    def is_open_while_items_are_sent(self) -> bool:
        """Whether a generator sends items from inside, and does not wait, or send others, between two rounds."""
        rest = [stmt for stmt in self.loop.body if stmt not in self.statements] if self.loop is not None else []
        return any(isinstance(node, tree.Yield) for node in own(*self.statements)) and not any(
            isinstance(node, tree.Yield) or self._waits(node) for node in own(*rest)
        )

    def _waits(self, node: tree.Node) -> bool:
        values = alternatives(self.domain.value(node.func)) if isinstance(node, tree.Call) else ()
        return any(wait_of(self.domain.evaluator, each) is not None for each in values)


def stretch_of(domain: Domain, body: Body, name: str, session: t.Param) -> Stretch | None:
    """The stretch of a function in which a session has that name; None where nothing names it like that."""
    assert isinstance(body.node, tree.Function)
    finder = _Finder(domain, body, name, session)
    found = finder.in_block(body.node.body)
    match found:
        case ():
            return None
        case (tree.While(orelse=()) as loop,) if not finder.is_named_in(loop.test):
            inner = finder.in_block(loop.body)
            if not finder.is_carried_on(loop, inner):
                return Stretch(domain, inner, loop)
        case _:
            pass
    return Stretch(domain, found)


class _Finder:
    """Looks for the statements that need a session, which has a name and a term."""

    def __init__(self, domain: Domain, body: Body, name: str, session: t.Param) -> None:
        self._domain = domain
        self._body = body
        self._name = name
        self._session = session

    def is_named_in(self, node: tree.Node) -> bool:
        return any(each.id == self._name for each in _names(node))

    def in_block(self, block: tree.Block) -> tuple[tree.Stmt, ...]:
        """The statements of a block from the first that names the session to the last that may use what is its."""
        places = [place for place, stmt in enumerate(block) if self.is_named_in(stmt)]
        if not places:
            return ()
        first = places[0]
        while places:
            end = places[-1] + 1
            leavings = _Leavings(self._domain, self._body, self._session, block[first:end])
            places = [place for place in range(end, len(block)) if any(map(leavings.may_be_in, _names(block[place])))]
        return block[first:end]

    def is_carried_on(self, loop: tree.While, stretch: tree.Block) -> bool:
        """Whether a round may use what an earlier one's session has left behind: what has a value before the stretch
        does, and what is used elsewhere in the loop.
        """
        assert isinstance(self._body.node, tree.Function)
        leavings = _Leavings(self._domain, self._body, self._session, stretch)
        outer = self._body.node.body
        before = (*outer[: outer.index(loop)], *loop.body[: loop.body.index(stretch[0])])
        older = names_in(before, (each.name for each in self._body.node.params)).bound
        inside = {name for stmt in stretch for name in _names(stmt)}
        return any(
            leavings.may_be_in(name) and (name.id in older or name not in inside)
            for name in _names(loop)
            if self._domain.term(name) is not None
        )


def _names(node: tree.Node) -> Iterator[tree.Name]:
    return (each for each in walk(node) if isinstance(each, tree.Name))


class _Leavings:
    """What a stretch leaves behind in variables."""

    def __init__(self, domain: Domain, body: Body, session: t.Param, stretch: tree.Block) -> None:
        self._domain = domain
        self._body = body
        self._session = session
        self._bound = names_in(stretch).bound
        self._filled = {name for stmt in stretch for name in _filled(stmt)} & body.local_names

    def may_be_in(self, node: tree.Name) -> bool:
        """Whether a variable may hold what needs the session."""
        term = self._domain.term(node)
        if node.id in self._filled and (term is None or self._session not in t.all_in([term])):
            return True
        return node.id in self._bound and not is_apart(self._domain, self._body, term, self._session)


def _filled(stmt: tree.Stmt) -> Iterator[str]:
    """The names of objects that a statement may put something into: `found.append(row)`, `found[key] = row`."""
    for node in walk(stmt):
        match node:
            case tree.Call(func=tree.Attribute(value=tree.Name(id=name)), args=args) if args:
                yield name
            case tree.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, tree.Subscript | tree.Attribute) and isinstance(target.value, tree.Name):
                        yield target.value.id
            case _:
                pass
