"""Terms: what an expression is *in terms of other names*, as far as its own module's text can tell.

A term is plain data that is never changed once it is made, and is compared by identity: a `Pool` makes equal terms of
a module the
same object, so that a statement built in twenty conditional steps stays a small graph.  `session = SessionLocal()`
gives the name `session` the term
`Call(Ref("app.db.SessionLocal"))`, whatever `app.db` may say; linking that name to a value is the work of a floor above
(`domain.values`), done on demand and across modules.  Two runs over the same text make the same terms.

    from .db import SessionLocal                 # module app.repo
    def rows(db, limit=None):
        q = select(User)                         # Call(Ref("sqlalchemy.select"), (Ref("app.models.User"),))
        if limit:
            q = q.limit(limit)                   # Call(Attr(<q>, "limit"), (Param("limit"),))
        return db.scalars(q).all()               # … Join((<q>, <q>.limit(limit))) …
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar


@dataclass(slots=True, eq=False)
class Ref:
    """A name of module level or of a builtin, as an absolute dotted path: "sqlalchemy.orm.Session", "app.db.engine",
    "builtins.len".  Which part of the path is a module is not known here.
    """

    path: str


@dataclass(slots=True, eq=False)
class Param:
    """A parameter of the function whose body the term stands in (or of one that encloses it): `function` is the
    qualified name of the function within its module, "Repo.list" or "outer.<locals>.inner".
    """

    function: str
    name: str


@dataclass(slots=True, eq=False)
class Local:
    """A local name of a function or class body seen from a nested scope, where the flow cannot say which binding is
    meant.
    """

    function: str
    name: str


@dataclass(slots=True, eq=False)
class Attr:
    base: Term
    name: str


@dataclass(slots=True, eq=False)
class Call:
    """`site` is the ordinal of the call expression in its module: two calls of the same factory make two values."""

    func: Term
    args: tuple[Term, ...]
    keywords: tuple[tuple[str, Term], ...]
    site: int

    def keyword(self, name: str) -> Term | None:
        return next((value for key, value in self.keywords if key == name), None)


@dataclass(slots=True, eq=False)
class Star:
    """`*value` or `**value` among arguments or elements; `depth` counts the stars, `gathered` is what is in the list,
    where that is known.
    """

    value: Term
    depth: int
    gathered: Term | None = None


@dataclass(slots=True, eq=False)
class Await:
    value: Term


@dataclass(slots=True, eq=False)
class Enter:
    """What `with value as x` (or `async with`) binds to x."""

    value: Term
    is_async: bool


@dataclass(slots=True, eq=False)
class Element:
    """What a loop over `value` binds to its target."""

    value: Term
    is_async: bool


@dataclass(slots=True, eq=False)
class Item:
    """`value[key]`, also by unpacking (`a, b = value`: keys 0 and 1)."""

    value: Term
    key: Term


@dataclass(slots=True, eq=False)
class Const:
    value: str | bytes | int | float | bool | None


@dataclass(slots=True, eq=False)
class Collection:
    """A tuple, list, set or dict that is written out; a dict has `keys`."""

    kind: str
    elements: tuple[Term, ...]
    keys: tuple[Term, ...] = ()


@dataclass(slots=True, eq=False)
class Gathered:
    """A list that was written out and then added to (`semantic.gathering`): what was in it before, and one more element
    (a `Star` for all those of another list); `added` is None where nothing was, but it is known not to be empty.
    """

    base: Term
    added: Term | None


@dataclass(slots=True, eq=False)
class Mapped:
    """A comprehension: a collection of `element`, one for each of `source` that passes."""

    kind: str
    element: Term
    source: Term


@dataclass(slots=True, eq=False)
class Declared:
    """A value with its annotation (`db: Session = …`), or an annotation alone (a parameter's, a class attribute's)."""

    value: Term | None
    annotation: Term


@dataclass(slots=True, eq=False)
class Compare:
    """`left operator right`, a truth value or, between columns, a clause of a query; the operator as written: "==",
    "not in" …
    """

    operator: str
    left: Term
    right: Term


@dataclass(slots=True, eq=False)
class FunctionRef:
    """A function or lambda defined in a scope below module level; `qualname` names its summary in the same module."""

    qualname: str


@dataclass(slots=True, eq=False)
class ClassRef:
    """A class defined in a scope below module level."""

    qualname: str


@dataclass(slots=True, eq=False)
class Join:
    """One of two or more, by the path that was taken, in order of appearance; may be nested.

    `operator`: it is `left and right` or `left or right`, where the truth of the first decides ("" for anything else).
    """

    terms: tuple[Term, ...]
    operator: str = ""


@dataclass(slots=True, eq=False)
class Caught:
    """What `except … as name` binds: an exception with its traceback."""


@dataclass(slots=True, eq=False)
class Opaque:
    """Not known, and why ("an operation", "bound in a loop" …)."""

    reason: str


Term: TypeAlias = (
    "Ref | Param | Local | Attr | Call | Star | Await | Enter | Element | Item | Const | Collection | Gathered | Mapped"
    " | Declared | Compare | FunctionRef | ClassRef | Join | Caught | Opaque"
)

COMPOUND: frozenset[type] = frozenset(
    {Attr, Call, Star, Await, Enter, Element, Item, Collection, Gathered, Mapped, Declared, Compare, Join}
)
"""The kinds of term that other terms are part of."""

T = TypeVar("T")


def _key(kind: Callable[..., object], fields: Sequence[object]) -> tuple[object, ...]:
    # 1, True and 1.0 are equal keys, but not the same constant
    return (kind, *fields, type(fields[0])) if kind is Const else (kind, *fields)


def parts_of(term: Term) -> Iterator[Term]:
    """The terms of which a term is directly made, in no order that matters."""
    if type(term) not in COMPOUND:
        return
    pending: list[object] = [getattr(term, name) for name in type(term).__slots__]
    for part in pending:
        if isinstance(part, tuple):
            pending.extend(part)
        elif part is not None and not isinstance(part, str | int):
            yield part  # type: ignore[misc]  # what is left are terms


def all_in(terms: Iterable[Term]) -> Iterator[Term]:
    """Some terms and everything that they are made of, each once."""
    pending = list(terms)
    seen: set[Term] = set()
    while pending:
        term = pending.pop()
        if term in seen:
            continue
        seen.add(term)
        yield term
        pending.extend(parts_of(term))


def ways(term: Term) -> Iterator[Term]:
    """What a term can be by the path that was taken, without declarations; a list that was added to is what it was."""
    pending, seen = [term], set[Term]()
    while pending:
        part = pending.pop()
        if part in seen:
            continue
        seen.add(part)
        match part:
            case Join():
                pending.extend(part.terms)
            case Gathered():
                pending.append(part.base)
            case Declared(value=value) if value is not None:
                pending.append(value)
            case _:
                yield part


class Pool:
    """Makes terms, each only once."""

    __slots__ = ("_terms",)

    def __init__(self) -> None:
        self._terms: dict[tuple[object, ...], object] = {}

    def make(self, kind: Callable[..., T], *fields: object) -> T:
        """The one term of that kind with those fields."""
        key = _key(kind, fields)
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = kind(*fields)
        return found  # type: ignore[return-value]

    def adopt(self, term: object) -> None:
        """Give this term, which another pool has made of the same text, to whoever asks for its like."""
        values = [getattr(term, name) for name in type(term).__slots__]  # type: ignore[attr-defined]
        self._terms[_key(type(term), values)] = term
        if values and not values[-1] and type(term) in {Star, Collection, Join}:  # made without its last field
            self._terms[_key(type(term), values[:-1])] = term

    def join(self, left: Term, right: Term) -> Term:
        """One of two; what is the same on both ways is that one thing.  Joins are nested, not flattened."""
        if left is right:
            return left
        if isinstance(left, Join) and right in left.terms:
            return left
        if isinstance(right, Join) and left in right.terms:
            return right
        return self.make(Join, (left, right))
