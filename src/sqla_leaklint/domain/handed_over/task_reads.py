"""What a task reads of an entity that it is handed, through the functions and methods that it calls.

    def notify(order):                       # reads `number`, and by the property `label` also `customer`
        print(order.number, order.label)

What leaves its sight, a library's function or a container, makes the answer incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqla_leaklint.domain.loading.eager import WITH_THE_ROWS
from sqla_leaklint.domain.mapped.columns import Attribute
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.mapped.relationships import is_collection, target_of
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.usage import Deal, Use
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 4
_ATTACHING = frozenset({"add", "add_all", "merge", "refresh"})
_HARMLESS = frozenset({Deal.TESTED, Deal.MEASURED, Deal.ITERATED, Deal.INDEXED, Deal.SLICED})
_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})


@dataclass(slots=True)
class Reads:
    """Attributes that are read and written; `is_whole`: nothing else is done with the entity.

    `below` has what is read of that to which a relationship leads, by its name.
    `is_stub`: the function has no body yet; `is_reattached`: a session of the task's own may be given the entity.
    """

    names: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    is_whole: bool = True
    is_stub: bool = False
    is_reattached: bool = False
    below: dict[str, Reads] = field(default_factory=dict)


def reads_of(domain: Domain, function: ProjectFunction, parameter: str, model: ProjectClass, *, is_many: bool) -> Reads:
    """What a function reads of the entity, or of each of the entities, in one of its parameters."""
    reads = Reads()
    _Reader(reads, model).parameter(domain, function, parameter, is_row=not is_many, depth=0)
    return reads


def reads_within(domain: Domain, body: Body, term: Term, model: ProjectClass, *, is_many: bool) -> Reads:
    """What a lambda or nested function reads of an entity that it captures."""
    reads = Reads()
    _Reader(reads, model).uses(domain, body, term, is_row=not is_many, depth=0)
    return reads


def loads_for(evaluator: Evaluator, reads: Reads, model: ProjectClass) -> tuple[str, ...] | None:
    """The relationships to load with an entity so that a function reads all that it does without a session.

    None where something else is done with the entity, or loading that much is not enough.
    """
    found = models_of(evaluator).of(model)
    if found is None or not reads.is_whole or reads.written:
        return None
    wanted: list[str] = []
    for name in sorted(reads.names):
        if name in found.columns:
            if found.columns[name].is_deferred:
                return None
            continue
        relationship = found.relationships.get(name)
        target = target_of(evaluator, relationship) if relationship is not None else None
        if relationship is None or target is None or loads_for(evaluator, reads.below[name], target.cls) != ():
            return None
        if relationship.strategy is LoadStrategy.LAZY:
            wanted.append(name)
        elif relationship.strategy not in WITH_THE_ROWS:
            return None
    return tuple(wanted)


def parameter_at(domain: Domain, function: ProjectFunction, place: int | str) -> str | None:
    """The parameter in which a function gets what is passed in that place."""
    summary = domain.evaluator.classes.function(function)
    if summary is None:
        return None
    if isinstance(place, str):
        found = summary.parameter(place)
        return found.name if found is not None else None
    names = [parameter.name for parameter in summary.parameters if parameter.kind in _POSITIONAL]
    place += 1 if function.receiver is not None else 0
    return names[place] if place < len(names) else None


class _Reader:
    def __init__(self, reads: Reads, model: ProjectClass) -> None:
        self.reads = reads
        self.model = model
        self._seen: set[tuple[str, str, str]] = set()

    def parameter(self, domain: Domain, function: ProjectFunction, name: str, *, is_row: bool, depth: int) -> None:
        key = (function.path, function.qualname, name)
        if key in self._seen:
            return
        self._seen.add(key)
        own = domain.module if function.path == domain.module.path else None
        module = own or domain.evaluator.project.module_at(function.path)
        body = module.executor.bodies.get(function.qualname) if module is not None else None
        if module is None or body is None or depth > _DEEPEST:
            self.reads.is_whole = False
            return
        if depth == 0 and isinstance(body.node, tree.Function) and all(map(_does_nothing, body.node.body)):
            is_method = body.parent is not None and isinstance(body.parent.node, tree.Class)
            self.reads.is_stub = not is_method  # of which there may be another one in a class below
            self.reads.is_whole = not is_method
        inner = domain if own is not None else type(domain)(module, domain.evaluator, domain.settings)
        term = module.executor.pool.make(t.Param, function.qualname, name)
        self.uses(inner, body, term, is_row=is_row, depth=depth)

    def uses(self, domain: Domain, body: Body, term: Term, *, is_row: bool, depth: int) -> None:
        for use in function_text(domain, body).usage(term, is_row=is_row).uses:
            self._use(domain, body, term, use, depth)

    def _use(self, domain: Domain, body: Body, term: Term, use: Use, depth: int) -> None:
        match use.deal:
            case deal if deal in _HARMLESS:
                pass
            case Deal.READ | Deal.COMPARED if use.of_row:
                self._read(domain, body, use, depth)
            case Deal.WRITTEN if use.of_row:
                self.reads.written.add(use.name)
            case Deal.CALLED if use.of_row:
                self._method(domain, use.name, depth)
            case Deal.RETURNED if depth == 0:
                pass
            case Deal.PASSED if isinstance(use.node, tree.Call):
                self._passed(domain, term, use.node, depth)
            case _:
                self.reads.is_whole = False

    def _read(self, domain: Domain, body: Body, use: Use, depth: int) -> None:
        model = models_of(domain.evaluator).of(self.model)
        if model is not None and model.others.get(use.name) is Attribute.PROPERTY:
            self._method(domain, use.name, depth)
        elif model is None or (use.name not in model.columns and use.name not in model.relationships):
            self.reads.is_whole = False
        else:
            self.reads.names.add(use.name)
            if use.name in model.relationships:
                self._related(domain, body, model, use, depth)

    def _related(self, domain: Domain, body: Body, model: Model, use: Use, depth: int) -> None:
        """What is read of that to which a relationship leads."""
        relationship = model.relationships[use.name]
        target = target_of(domain.evaluator, relationship)
        is_many = is_collection(domain.evaluator, model, relationship)
        term = domain.term(use.node) if isinstance(use.node, tree.Attribute) else None
        below = self.reads.below.setdefault(use.name, Reads())
        if target is None or is_many is None or term is None or depth > _DEEPEST:
            below.is_whole = False
        else:
            _Reader(below, target.cls).uses(domain, body, term, is_row=not is_many, depth=depth + 1)

    def _method(self, domain: Domain, name: str, depth: int) -> None:
        found = domain.evaluator.classes.find(self.model, name, on_instance=False)
        if found is None or not isinstance(found[1], t.FunctionRef):
            self.reads.is_whole = False
            return
        method = ProjectFunction(found[0].path, found[1].qualname)
        receiver = parameter_at(domain, method, 0)
        if receiver is not None:
            self.parameter(domain, method, receiver, is_row=True, depth=depth + 1)

    def _passed(self, domain: Domain, term: Term, call: tree.Call, depth: int) -> None:
        function = domain.value(call.func)
        if not isinstance(function, ProjectFunction):
            self.reads.is_whole = False
            self.reads.is_reattached |= isinstance(call.func, tree.Attribute) and call.func.attr in _ATTACHING
            return
        text = domain.term(call)
        given: list[tuple[int | str, Term]] = []
        if isinstance(text, t.Call):
            given = [*enumerate(text.args), *text.keywords]
        for place, argument in given:
            if argument is term:
                name = parameter_at(domain, function, place)
                if name is None:
                    self.reads.is_whole = False
                else:
                    self.parameter(domain, function, name, is_row=True, depth=depth + 1)
                return
        self.reads.is_whole = False


def _does_nothing(stmt: tree.Stmt) -> bool:
    """Whether a statement is a docstring, `pass` or `...`."""
    return isinstance(stmt, tree.Pass) or (isinstance(stmt, tree.ExprStmt) and isinstance(stmt.value, tree.Constant))
