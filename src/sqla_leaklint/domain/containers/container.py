"""A container as a subject of rules: all its uses in the project, and what it keeps of the world outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.containers.definitions import Definition, definitions, may_grow
from sqla_leaklint.domain.containers.identity import Holder
from sqla_leaklint.domain.containers.kinds import Growth, Other, OtherUse, Use, can_be_made_again
from sqla_leaklint.domain.containers.texts import (
    decides_by_length,
    has_other_names,
    is_asked_for_element,
    is_key_checked,
)
from sqla_leaklint.domain.containers.uses import uses_in
from sqla_leaklint.domain.origins.provenance import Provenance, Trail
from sqla_leaklint.domain.origins.sources import sources
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.project import Module
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary


@dataclass(frozen=True, slots=True)
class Kept:
    """What a function puts in, and the trail by which it comes from outside; `is_as_passed`: the parameter as it is."""

    function: FunctionSummary
    trail: Trail
    is_as_passed: bool


@dataclass(frozen=True, eq=False)
class Container:
    """A dict, list or set of this module or of one of its classes that something in the project puts things in."""

    domain: Domain
    definition: Definition

    @staticmethod
    def find(domain: Domain) -> Iterator[Container]:
        # Without a project nobody knows what other modules do.
        if domain.evaluator.project.root is None or domain.evaluator.project.is_test(domain.module.path):
            return
        for definition in definitions(domain):
            if may_grow(domain, definition):
                yield Container(domain, definition)

    @property
    def node(self) -> tree.Stmt:
        return self.definition.node

    @property
    def name(self) -> str:
        """As a reader knows it: `users`, `Registry.users`."""
        identity = self.definition.identity
        return f"{identity.owner}.{identity.name}" if identity.owner else identity.name

    @property
    def is_mapping(self) -> bool:
        return self._is_a("builtins.dict")

    @property
    def is_sequence(self) -> bool:
        """Whether it gets longer with whatever is put in."""
        return not self.is_mapping and not self.is_set

    @property
    def is_set(self) -> bool:
        return self._is_a("builtins.set")

    def _is_a(self, name: str) -> bool:
        return name in self.domain.evaluator.knowledge.lineage(self.definition.identity.type)

    # --- uses ---

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every use of it in the project, tests excepted; no more are looked for after one that looks after it."""
        return tuple(self._gathered())

    def _gathered(self) -> Iterator[Use]:
        own = self.domain.module.summary
        evaluator = self.domain.evaluator
        for use in self._own_uses:
            yield use
            if self._looks_after(use):
                return
        name = self.definition.identity.name
        for module in evaluator.project.mentioning(name, and_tests=False):
            if module.path == own.path:
                continue
            for use in uses_in(evaluator, self.definition.identity, module):
                yield use
                if self._looks_after(use):
                    return

    def every_use(self) -> Iterator[Use]:
        """Every use of it, also after one that looks after it."""
        yield from self._own_uses
        name, evaluator = self.definition.identity.name, self.domain.evaluator
        for module in evaluator.project.mentioning(name, and_tests=False):
            if module.path != self.domain.module.path:
                yield from uses_in(evaluator, self.definition.identity, module)

    @cached_property
    def _own_uses(self) -> tuple[Use, ...]:
        return tuple(uses_in(self.domain.evaluator, self.definition.identity, self.domain.module.summary))

    @cached_property
    def is_looked_after(self) -> bool:
        """Whether something takes entries out, bounds it, or may do so because it has it."""
        return self._is_aliased or any(self._looks_after(use) for use in self.uses)

    def _looks_after(self, use: Use) -> bool:
        match use:
            case OtherUse(what=Other.REMOVED):
                return use.function is not None or use.module.path != self.definition.identity.path
            case OtherUse(what=Other.OUT_OF_SIGHT):
                return True
            case OtherUse(what=Other.MEASURED):
                module = self.module_of(use.module)
                function = use.function.qualname if use.function is not None else ""
                return module is None or decides_by_length(module, function, self.definition.identity.name)
            case _:
                return False

    @property
    def _is_aliased(self) -> bool:
        if any(
            event.deed is Deed.CALLED
            and isinstance(event.call.func, t.Ref)
            and event.call.func.path == "builtins.globals"
            for body in self.domain.bodies
            for event in body.events
        ):
            return True
        identity = self.definition.identity
        if identity.holder in {Holder.OBJECT, Holder.STATE}:
            return False  # known by its attribute alone, wherever it goes
        node = self.domain.module.executor.bodies[identity.owner].node
        return isinstance(node, tree.Module | tree.Class) and has_other_names(node.body, identity.name)

    def module_of(self, summary: ModuleSummary) -> Module | None:
        """The module of a use, with its text."""
        if summary.path == self.domain.module.path:
            return self.domain.module
        return self.domain.evaluator.project.module_at(summary.path)

    # --- what it keeps ---

    def kept(self) -> Iterator[Kept]:
        """What comes from outside and stays."""
        if not self._may_keep or self.is_looked_after:
            return
        provenance = Provenance(self.domain.evaluator)
        for use in self.uses:
            if not isinstance(use, Growth) or use.function is None:
                continue
            trail = provenance.trail(use.module, use.function, use.data)
            if trail is None:
                continue
            module = self.module_of(use.module)
            if module is None or not is_key_checked(
                module, use.function.qualname, use.data, self.definition.identity.name
            ):
                yield Kept(use.function, trail, isinstance(use.data, t.Param))

    def takes_only_new(self, kept: Kept) -> bool:
        """Whether what is put in is put in once, be it a list: its function asks before if it is there."""
        stop = kept.trail.stops[0]
        module = self.module_of(stop.module)
        name = self.definition.identity.name
        return module is not None and is_asked_for_element(module, kept.function.qualname, name)

    @property
    def _may_keep(self) -> bool:
        """Cheaply: whether what is put in differs from call to call, or only others put things in."""
        evaluator = self.domain.evaluator
        growths = [use for use in self._own_uses if isinstance(use, Growth) and use.function is not None]
        if not growths:
            return self.definition.is_empty
        return any(True for use in growths for _ in sources(evaluator, use.module, use.data))

    @property
    def may_forget(self) -> bool:
        """Whether each value that is put in can be made again: a lock or a task that is forgotten is still in use."""
        growths = [use for use in self.uses if isinstance(use, Growth)]
        return all(use.value is None or can_be_made_again(use.value) for use in growths)

    @property
    def is_cache(self) -> bool:
        """Whether it is a dict that is only filled and looked up, with values that can be made again."""
        identity = self.definition.identity
        if identity.type != "builtins.dict" or identity.owner or not self.definition.is_empty:
            return False
        has_lookup = False
        for use in self.uses:
            match use:
                case Growth(value=value):
                    if value is None or not can_be_made_again(value):
                        return False
                case OtherUse(what=Other.READ, term=t.Item()):
                    has_lookup = True
                case OtherUse(what=Other.READ, term=t.Call(func=func)) if method_name(func) == "get":
                    has_lookup = True
                case OtherUse(what=Other.MEASURED):
                    pass
                case _:
                    return False
        return has_lookup
