"""Tables and mapped classes that a function adds to a shared `MetaData` each time that it is called.

The metadata holds every table until it is removed from it.  A class is collected, its table is not.  What goes by a
name of its own each time adds a table each time.  What goes by the same name has to say `extend_existing=True`, or
the second call raises; then there is one table, to which each call adds its constraints and indexes again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.origins.each_time import is_done_each_time, way_each_time
from sqla_leaklint.domain.origins.provenance import Provenance
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.domain.values import Instance, ProjectClass, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.knowledge.sqlalchemy import METADATA, TABLE_CLASS
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import is_true, receiver_of
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.origins.provenance import Trail
    from sqla_leaklint.semantic.body import Body

_REFLECTING = frozenset({"autoload", "autoload_with"})
"""A table that is read from the database: there are only so many."""

_ADDING_UP = frozenset(
    f"sqlalchemy.{name}"
    for name in ("ForeignKey", "ForeignKeyConstraint", "UniqueConstraint", "Index", "CheckConstraint")
)
_ADDING_UP_KEYWORDS = frozenset({"index", "unique"})


class TableExcuse(Excuse):
    """Why a table that a function defines does not pile up, as far as is known."""

    FORGOTTEN = "the module removes tables from a `MetaData`"
    PERHAPS = "not every call of the function defines it, as far as its text shows: something may ask before"
    FEW_NAMES = "its name is not known to come from requests, events or tasks: there may be but a few"
    NOT_REACHED = "no request, event or task is known to come here each time"


@dataclass(frozen=True, slots=True, eq=False)
class TablePerCall:
    """A table or mapped class that each call of a function adds to a shared metadata.

    `name` is that of the class or variable as a reader knows it; `is_extended`: it is one table, that gets more each
    time.
    """

    domain: Domain
    body: Body
    node: tree.Class | tree.Call
    name: str
    is_class: bool
    is_extended: bool
    trail: Trail

    @staticmethod
    def find(domain: Domain) -> Iterator[TablePerCall]:
        """Every such class and table of the module, in the order of the text."""
        yield from (each for each in TablePerCall.weighed(domain) if isinstance(each, TablePerCall))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[TablePerCall | Excused]:
        """Every class and table that a function adds to a shared metadata, under a name that it is given."""
        if domain.evaluator.project.is_test(domain.module.path):
            return
        for body in domain.bodies:
            if isinstance(body.node, tree.Class) and body.parent is not None and body.parent.is_function:
                yield from _of_class(domain, body, body.parent, body.node)
            elif body.is_function:
                for event in body.events:
                    if event.deed is Deed.CALLED and isinstance(event.node, tree.Call):
                        yield from _of_call(domain, body, event.call, event.node)


def _of_class(domain: Domain, body: Body, function: Body, node: tree.Class) -> Iterator[TablePerCall | Excused]:
    cls = ProjectClass(domain.module.path, body.qualname)
    if not domain.evaluator.classes.is_mapped(cls) or not _is_on_shared_base(domain, body):
        return
    table_name = body.bindings.get("__tablename__")
    # Of one name there is one table, and the classes that extend it are collected.
    if "__table__" not in body.bindings and table_name is not None and not _is_constant(table_name):
        yield from _found(domain, function, node, node.name, table_name, is_class=True, is_extended=False)


def _of_call(domain: Domain, body: Body, call: t.Call, node: tree.Call) -> Iterator[TablePerCall | Excused]:
    match method_name(call.func):
        case "Table" if domain.value_of(call.func) == Symbol(TABLE_CLASS) and len(call.args) > 1:
            keywords = dict(call.keywords)
            if not _is_shared_metadata(domain, call.args[1]) or _REFLECTING & keywords.keys():
                return
            is_extended = is_true(keywords.get("extend_existing"))
            if _is_constant(call.args[0]) and not (is_extended and _adds_up(domain, call)):
                return
            yield from _found(domain, body, node, "", call.args[0], is_class=False, is_extended=is_extended)
        case "type" if len(call.args) == 3 and domain.value_of(call.func) == Symbol("builtins.type"):
            bases, attributes = call.args[1:]
            if not isinstance(attributes, t.Collection) or not isinstance(bases, t.Collection):
                return
            given = {
                key.value: value
                for key, value in zip(attributes.keys, attributes.elements, strict=False)
                if isinstance(key, t.Const)
            }
            table_name = given.get("__tablename__")
            if table_name is None or not any(_is_shared_base(domain, base) for base in bases.elements):
                return
            if not _is_constant(table_name):
                yield from _found(domain, body, node, "", table_name, is_class=True, is_extended=False)
        case _:
            return


def _found(
    domain: Domain,
    body: Body,
    node: tree.Class | tree.Call,
    name: str,
    table_name: t.Term,
    *,
    is_class: bool,
    is_extended: bool,
) -> Iterator[TablePerCall | Excused]:
    """The subject, if the world outside comes to it each time and, unless one table is extended, with a new name."""
    module = domain.module.summary
    function = module.functions[body.qualname]
    is_one = is_extended and _is_constant(table_name)
    if _forgets_tables(domain):
        yield Excused(node, TableExcuse.FORGOTTEN)
    elif not is_done_each_time(body, lambda each: each is node, always=True):
        yield Excused(node, TableExcuse.PERHAPS)
    elif not is_one and Provenance(domain.evaluator).trail(module, function, table_name) is None:
        yield Excused(node, TableExcuse.FEW_NAMES)
    else:
        trail = way_each_time(domain, module, function, always=True)
        if trail is None:
            yield Excused(node, TableExcuse.NOT_REACHED)
        else:
            yield TablePerCall(domain, body, node, name, is_class, is_one, trail)


def _is_constant(term: t.Term) -> bool:
    return isinstance(term, t.Const) or (isinstance(term, t.Declared) and isinstance(term.value, t.Const))


def _adds_up(domain: Domain, call: t.Call) -> bool:
    """Whether a table has a part that is added to it once more when it is extended."""
    for part in t.all_in(call.args[2:]):
        if not isinstance(part, t.Call):
            continue
        if any(key in _ADDING_UP_KEYWORDS and is_true(value) for key, value in part.keywords):
            return True
        value = domain.value_of(part.func)
        if isinstance(value, Symbol) and value.path in _ADDING_UP:
            return True
    return False


# --- which metadata ---


def _is_on_shared_base(domain: Domain, body: Body) -> bool:
    """Whether the tables of a class go to the metadata of a base that other modules and calls share."""
    if {"metadata", "registry"} & body.bindings.keys():
        return False
    return any(_is_shared_base(domain, base) for base in body.bases) and not any(
        isinstance(base, t.ClassRef) for base in body.bases
    )


def _is_shared_base(domain: Domain, base: t.Term) -> bool:
    """Whether a base is a declarative one, or a mapped class, of a module."""
    if not isinstance(base, t.Ref):
        return False
    for value in alternatives(domain.value_of(base)):
        match value:
            case Symbol(path=path):
                return path.startswith("sqlmodel.") and domain.evaluator.knowledge.is_a(path, Kind.DECLARATIVE_BASE)
            case ProjectClass():
                summary = domain.evaluator.classes.summary(value)
                return summary is not None and summary.scope is None and _is_declarative(domain, value)
            case Instance(type=path):
                return domain.evaluator.knowledge.is_a(path, Kind.DECLARATIVE_BASE)
            case _:
                pass
    return False


def _is_declarative(domain: Domain, cls: ProjectClass) -> bool:
    return any(
        isinstance(base, Symbol) and domain.evaluator.knowledge.is_a(base.path, Kind.DECLARATIVE_BASE)
        for base in domain.evaluator.classes.line(cls)
    )


def _is_shared_metadata(domain: Domain, term: t.Term | None) -> bool:
    """Whether a term is the metadata of a module, or that of a shared base."""
    if not isinstance(term, t.Ref):
        return False
    head, _, last = term.path.rpartition(".")
    if last == "metadata" and head and _is_shared_base(domain, t.Ref(head)):
        return True
    return any(isinstance(value, Instance) and value.type == METADATA for value in alternatives(domain.value_of(term)))


def _forgets_tables(domain: Domain) -> bool:
    """Whether the module removes tables from a metadata, whichever."""
    knowledge = domain.evaluator.knowledge
    return any(
        row is not None and row.effect is Effect.REMOVES and _is_shared_metadata(domain, receiver_of(event.call.func))
        for body in domain.bodies
        for event in body.events
        if event.deed is Deed.CALLED
        for row in [knowledge.method(METADATA, method_name(event.call.func))]
    )
