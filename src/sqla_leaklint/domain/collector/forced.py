"""Full collections that a program forces for every request, event or task.

    # app/reports.py    def build(rows):
                            …
                            gc.collect()            forced, and what it returns is not used
    # app/api.py        @router.get("/report")
                        def report(): return build(rows())       the trail: for every request

Left alone is what a person asks for (behind a setting; the endpoint returns what was collected), what a look at the
heap needs (before a snapshot), and what frees memory that the collector does not count (that of a graphics card).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.origins.provenance import Provenance, Trail
from sqla_leaklint.domain.profiling.heap import looks_at_heap
from sqla_leaklint.domain.rows.loops import Loops
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.domain.values import ProjectInstance, Symbol, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

COLLECT = "gc.collect"
_OTHER_MEMORY = ("torch.", "cupy.", "tensorflow.", "keras.", "jax.", "mlx.")
"""Libraries whose objects hold memory that is not Python's, and of which the collector sees the shell alone."""
_ENVIRONMENT = frozenset({"os.getenv", "os.environ.get"})
_SETTINGS = frozenset({"pydantic_settings.BaseSettings", "pydantic.BaseSettings"})


class ForcingExcuse(Excuse):
    """Why a call of `gc.collect` is left alone."""

    OF_MODULE = "it runs once, when the module is imported"
    WANTED = "the function tells what was collected, looks at the heap, or frees memory that is not Python's"
    NOT_REACHED = "no request, event or task is known to come here"
    SWITCHED = "a setting decides whether it runs"


@dataclass(frozen=True, slots=True, eq=False)
class ForcedCollection:
    """A call of `gc.collect` that the world outside comes to; `is_used`: something is done with what it returns."""

    body: Body
    event: Event
    trail: Trail

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def bound(self) -> str:
        """The name of the module that the call begins with: "gc", "collect"."""
        func = self.node.func
        name = func.value if isinstance(func, tree.Attribute) else func
        return name.id if isinstance(name, tree.Name) else ""

    @property
    def is_used(self) -> bool:
        stmt = self.event.stmt
        return not (isinstance(stmt, tree.ExprStmt) and stmt.value is self.event.node)

    @staticmethod
    def find(domain: Domain) -> Iterator[ForcedCollection]:
        """Every such call of a module, in the order of the text."""
        yield from (each for each in ForcedCollection.weighed(domain) if isinstance(each, ForcedCollection))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[ForcedCollection | Excused]:
        """Every call of `gc.collect` of a module."""
        provenance = Provenance(domain.evaluator)
        for body in domain.bodies:
            calls = [event for event in body.events if event.deed is Deed.CALLED and is_collection(event.call)]
            if not calls:
                continue
            found = _trail(domain, body, provenance)
            for event in calls:
                if isinstance(found, ForcingExcuse):
                    yield Excused(event.node, found)
                elif _is_switched(domain, body, event.stmt):
                    yield Excused(event.node, ForcingExcuse.SWITCHED)
                else:
                    yield ForcedCollection(body, event, found)


def _trail(domain: Domain, body: Body, provenance: Provenance) -> Trail | ForcingExcuse:
    """How the world outside comes to a body that collects; or why that is nobody's concern."""
    function = domain.module.summary.functions.get(body.qualname)
    if function is None or not isinstance(body.node, tree.Function):
        return ForcingExcuse.OF_MODULE
    if _has_a_reason(domain, body):
        return ForcingExcuse.WANTED
    trail = provenance.call_trail(domain.module.summary, function)
    return trail if trail is not None and trail.entry is not None else ForcingExcuse.NOT_REACHED


def is_collection(call: t.Call) -> bool:
    return isinstance(call.func, t.Ref) and call.func.path == COLLECT


def _has_a_reason(domain: Domain, body: Body) -> bool:
    for event in body.events:
        match event.deed:
            case Deed.RETURNED if any(
                isinstance(part, t.Call) and is_collection(part) for part in t.all_in([event.value])
            ):
                return True
            case Deed.CALLED if looks_at_heap(domain.evaluator, event.call, domain.frame):
                return True
            case Deed.CALLED if isinstance(event.call.func, t.Ref) and event.call.func.path.startswith(_OTHER_MEMORY):
                return True
            case _:
                pass
    return False


def _is_switched(domain: Domain, body: Body, stmt: tree.Stmt | None) -> bool:
    return any(
        isinstance(parent, tree.If) and _is_setting(domain, parent.test) for parent, _, _ in Loops(body).ancestors(stmt)
    )


def _is_setting(domain: Domain, test: tree.Expr) -> bool:
    """Whether a condition asks for what the process was started with: a name of a module, a setting, a variable."""
    names = 0
    for node in walk(test):
        match node:
            case tree.Operation():
                return False
            case tree.Call():
                term = domain.term(node.func)
                if not (isinstance(term, t.Ref) and term.path in _ENVIRONMENT):
                    return False
            case tree.Name():
                names += 1
                if not isinstance(domain.term(node), t.Ref) and not _is_settings_object(domain, node):
                    return False
            case _:
                pass
    return names > 0


def _is_settings_object(domain: Domain, name: tree.Name) -> bool:
    return any(
        isinstance(value, ProjectInstance)
        and any(
            isinstance(base, Symbol) and base.path in _SETTINGS for base in domain.evaluator.classes.line(value.cls)
        )
        for value in alternatives(domain.value(name))
    )
