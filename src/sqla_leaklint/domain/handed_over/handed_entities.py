"""Entities that are handed to background tasks, and what of them the task cannot have without their session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.handed_over.belonging import Belonging, belonging
from sqla_leaklint.domain.handed_over.cargo import Cargo, cargo_of
from sqla_leaklint.domain.handed_over.commits import is_expired_at_the_end, is_touched
from sqla_leaklint.domain.handed_over.entities import entity_of
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.handed_over.task_reads import Reads, parameter_at, reads_of, reads_within
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import relationship_of, target_of
from sqla_leaklint.domain.values import BoundMethod, Entity, Partial, ProjectClass, ProjectFunction, Value
from sqla_leaklint.knowledge.facts import Executor, Kind, LoadStrategy, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Want(Enum):
    """What a task wants of an entity that the entity does not have by then."""

    EXPIRED = "a commit has expired it, and nothing has loaded it again"
    UNLOADED = "the task reads what is not loaded"
    WRITTEN = "the task changes it"
    OPEN = "the task is not written yet"


@dataclass(frozen=True, eq=False)
class HandedEntity:
    """An entity, or several, of a session that a background task is handed without that session."""

    domain: Domain
    handoff: Handoff
    piece: Cargo
    belonging: Belonging
    reads: Reads | None

    @staticmethod
    def find(domain: Domain) -> Iterator[HandedEntity]:
        """Every entity that a background task of a module is handed, in the order of the text."""
        for handoff in domain.subjects(Handoff):
            function = domain.module.summary.functions.get(handoff.body.qualname)
            if handoff.executor is not Executor.BACKGROUND_TASK or function is None:
                continue
            if next(handoff.passengers(), None) is not None:
                continue  # the session goes along
            for piece in cargo_of(handoff):
                found = (
                    belonging(domain.evaluator, domain.module.summary, function, piece.term)
                    if piece.term is not None
                    else None
                )
                if found is not None:
                    yield HandedEntity(domain, handoff, piece, found, _reads(handoff, piece, found))

    @property
    def holder(self) -> str:
        """The variable that has it; "" for something without a name."""
        inner = (self.piece.read,) if self.piece.read is not None else walk(self.piece.node)
        names = (each for each in inner if isinstance(each, tree.Name))
        return next((each.id for each in names if self.piece.read or self.domain.term(each) is self.piece.term), "")

    @property
    def is_async(self) -> bool:
        """Whether nothing is loaded by being read, since its session is an async one."""
        return self.domain.evaluator.classes.is_a(self.belonging.session, Kind.ASYNC_SESSION)

    @cached_property
    def is_expired(self) -> bool:
        """Whether a commit is certain to have expired it when the task runs."""
        return bool(self.holder) and is_expired_at_the_end(self.handoff, self.belonging, self.holder, self.piece.term)

    @cached_property
    def unloaded(self) -> tuple[str, ...]:
        """The attributes that the task reads and that are certain not to be loaded."""
        if self.reads is None or not self.holder:
            return ()
        return tuple(sorted(name for name in self.reads.names if self._is_lazy(name)))

    @property
    def want(self) -> Want | None:
        """What the task lacks; None where it has all that it reads, or nobody can tell."""
        reads = self.reads
        if reads is not None and reads.is_stub:
            return Want.OPEN
        if reads is not None and reads.is_reattached:
            return None
        if self.is_expired and (reads is None or reads.names or not reads.is_whole):
            return Want.EXPIRED
        if self.unloaded:
            return Want.UNLOADED
        return Want.WRITTEN if reads is not None and reads.is_whole and reads.written else None

    def _is_lazy(self, name: str) -> bool:
        evaluator, kind, statement = self.domain.evaluator, self.belonging.kind, self.belonging.statement
        model = models_of(evaluator).of(kind.model)
        if model is None or is_touched(self.handoff, self.holder, name) or self._is_read_before(name):
            return False
        column = model.columns.get(name)
        if column is not None:
            is_asked_for = statement is None or any(step.role is Role.LOADS for step in statement.steps)
            return column.is_deferred and kind.is_loaded and not is_asked_for
        relationship = relationship_of(evaluator, model, name)
        target = target_of(evaluator, relationship) if relationship is not None else None
        if relationship is None or target is None or self._has(target.cls, kind.model):
            return False
        if kind.is_loaded:
            return loading(evaluator, statement, model, name) is Loading.LAZY
        made = self.piece.term
        is_given = isinstance(made, t.Call) and (made.keyword(name) is not None or None in dict(made.keywords))
        return relationship.strategy is LoadStrategy.LAZY and isinstance(made, t.Call) and not is_given

    def _is_read_before(self, name: str) -> bool:
        """Whether another function that had the entity names such an attribute, of whatever."""
        for function in self.belonging.through:
            module = self.domain.evaluator.project.module_at(function.path)
            body = module.executor.bodies.get(function.qualname) if module is not None else None
            if body is None or any(isinstance(each, tree.Attribute) and each.attr == name for each in walk(body.node)):
                return True
        return False

    def _has(self, *models: ProjectClass) -> bool:
        """Whether the function has other entities of these classes, by which a relationship may be loaded already."""
        own = set(t.all_in([self.piece.term])) if self.piece.term is not None else set()
        kinds = (
            entity_of(self.domain.value_of(event.value))
            for event in self.handoff.body.events
            if event.deed is Deed.CALLED and event.value not in own
        )
        return any(kind is not None and kind.model in models for kind in kinds)


def _reads(handoff: Handoff, piece: Cargo, found: Belonging) -> Reads | None:
    """What the task reads of the entity; None where that is not known."""
    domain, kind = handoff.domain, found.kind
    if piece.read is not None:
        return _reads_captured(handoff, piece, found)
    callee = domain.value(handoff.callee) if handoff.callee is not None else None
    if isinstance(callee, BoundMethod) and piece.node is handoff.callee:
        method = _method(domain, callee)
        receiver = parameter_at(domain, method, 0) if method is not None else None
        if method is None or receiver is None:
            return None
        return reads_of(domain, method, receiver, kind.model, is_many=False)
    if piece.hidden_in and not isinstance(callee, Partial):
        return None
    place = _place(handoff, piece, callee)
    function = callee.function if isinstance(callee, Partial) else callee
    if not isinstance(function, ProjectFunction) or place is None:
        return None
    parameter = parameter_at(domain, function, place)
    return reads_of(domain, function, parameter, kind.model, is_many=kind.is_many) if parameter is not None else None


def _method(domain: Domain, method: BoundMethod) -> ProjectFunction | None:
    """The method of a mapped class that is handed over, bound to its entity."""
    if not isinstance(method.receiver, Entity):
        return None
    found = domain.evaluator.classes.find(method.receiver.model, method.name, on_instance=False)
    if found is None or not isinstance(found[1], t.FunctionRef):
        return None
    return ProjectFunction(found[0].path, found[1].qualname)


def _reads_captured(handoff: Handoff, piece: Cargo, found: Belonging) -> Reads | None:
    term = handoff.domain.term(handoff.callee) if handoff.callee is not None else None
    body = handoff.domain.module.executor.bodies.get(term.qualname) if isinstance(term, t.FunctionRef) else None
    read = handoff.domain.term(piece.read) if isinstance(piece.read, tree.Expr) else None
    if body is None or read is None:
        return None
    return reads_within(handoff.domain, body, read, found.kind.model, is_many=found.kind.is_many)


def _place(handoff: Handoff, piece: Cargo, callee: Value | None) -> int | str | None:
    """Where the task gets what travels: a position or a keyword; None where it is inside of something else."""
    bound = len(callee.args) if isinstance(callee, Partial) else 0
    if piece.argument is None:
        if isinstance(callee, Partial):
            places: list[tuple[int | str, Value]] = [*enumerate(callee.args), *callee.keywords]
            return next((place for place, value in places if value == piece.value), None)
        return None
    if piece.argument.value is not piece.node or piece.argument.star:
        return None
    if piece.argument.keyword is not None:
        return piece.argument.keyword
    positional = [each for each in handoff.arguments if each.keyword is None]
    if any(each.star for each in positional):
        return None
    return bound + positional.index(piece.argument)
