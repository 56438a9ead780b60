"""The statements of a function that need a session: from the first that names it to the last that uses what may be its.

yield "id"
rows = db.scalars(select(Row)).all()        # the first: names the session
found = []
for row in rows:                            # uses entities
    found.append(row)
yield from found                            # the last: what was put into may hold them
yield "end"
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.apart import is_apart
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


def stretch_of(domain: Domain, body: Body, name: str, session: t.Param) -> tuple[tree.Stmt, ...]:
    """The statements, of those that the body of a function is; none where nothing there names the session like that."""
    assert isinstance(body.node, tree.Function)
    block = body.node.body
    names = [[node for node in walk(stmt) if isinstance(node, tree.Name)] for stmt in block]
    places = [place for place, nodes in enumerate(names) if any(node.id == name for node in nodes)]
    if not places:
        return ()
    first = places[0]
    while places:
        end = places[-1] + 1
        leavings = _Leavings(domain, body, session, block[first:end])
        places = [place for place in range(end, len(block)) if any(map(leavings.may_be_in, names[place]))]
    return block[first:end]


class _Leavings:
    """What a stretch leaves behind in variables."""

    def __init__(self, domain: Domain, body: Body, session: t.Param, stretch: tree.Block) -> None:
        self._domain = domain
        self._body = body
        self._session = session
        self._bound = names_in(stretch).bound
        self._filled = {name for stmt in stretch for name in _filled(stmt) if _is_local(body, name)}

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


def _is_local(body: Body, name: str) -> bool:
    """Whether a function binds a name, or one round it does."""
    inner = body
    while inner.parent is not None:
        if name in inner.names.bound:
            return True
        inner = inner.parent
    return False
