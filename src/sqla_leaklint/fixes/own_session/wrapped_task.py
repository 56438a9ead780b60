"""A background task and a provider of sessions, as a function round the task can use them both.

The task has to be a plain function that the module knows by a name, and the provider a generator that wants no
arguments and yields a session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction, Unknown, alternatives
from sqla_leaklint.fixes.own_session.provider_context import ProviderContext
from sqla_leaklint.fixes.own_session.wrapping import (
    first_user,
    is_known_to_module,
    is_plain,
    last_name,
    name_of,
    parameter_of,
    root_of,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary


@dataclass(frozen=True, slots=True)
class WrappedTask:
    """A task that is handed over, and what the function round it is made of.

    `context` opens its session; `name` is the new function's, which goes above `before`.
    """

    handoff: Handoff
    callee: tree.Name | tree.Attribute
    function: FunctionSummary
    context: ProviderContext
    name: str
    before: tree.Stmt

    @property
    def domain(self) -> Domain:
        return self.handoff.domain

    def parameter_of(self, argument: tree.Argument) -> str:
        """The parameter in which the task gets an argument of the hand-over."""
        return parameter_of(self.function, self.handoff.arguments, argument)

    def has_room_for(self, names: Iterable[str | None], parameters: Iterable[str]) -> bool:
        """Whether the new function can have these parameters and use these names besides its own."""
        used = {self.name, self.context.manager, self.context.root, root_of(self.callee), *names}
        return used.isdisjoint({*(parameter.name for parameter in self.function.parameters), *parameters, "session"})


def wrapped_task(
    handoff: Handoff, provider: ProjectFunction, suffix: str, layout: Callable[[Handoff], object]
) -> WrappedTask | None:
    """The task, if one function round it can serve this hand-over and the first one of the module.

    The function is called like the task with a `suffix`.  `layout` tells what a hand-over gives along in which place:
    it has to be the same for both.
    """
    domain, callee = handoff.domain, handoff.callee
    if not isinstance(callee, tree.Name | tree.Attribute):
        return None
    task = domain.value(callee)
    if not isinstance(task, ProjectFunction) or task.receiver is not None:
        return None
    if not is_known_to_module(domain, handoff.body, callee, task):
        return None
    classes = domain.evaluator.classes
    function, source = classes.function(task), classes.function(provider)
    if function is None or source is None or function.is_generator or not is_plain(function):
        return None
    if not _gives_a_session(domain, provider, source) or any(argument.star for argument in handoff.node.args):
        return None
    context = ProviderContext.of(domain, provider)
    if context is None or (context.is_async and not function.is_async):
        return None
    others = _same_task(domain, task)
    before = first_user(domain, (each.body for each in others))
    if before is None or layout(others[0]) != layout(handoff):
        return None
    found = WrappedTask(handoff, callee, function, context, f"{function.name}_{suffix}", before)
    return None if _has_collision(found, task) else found


def model_name(domain: Domain, model: ProjectClass) -> str | None:
    """The name that the module has for a class when it runs, and not only when it is checked for types."""
    name = name_of(domain, model)
    statements = domain.module.parsed.tree.body
    plain = [each for each in statements if isinstance(each, tree.Import | tree.ImportFrom | tree.Class | tree.Assign)]
    return name if name is not None and name.partition(".")[0] in names_in(tuple(plain)).bound else None


def _gives_a_session(domain: Domain, provider: ProjectFunction, source: FunctionSummary) -> bool:
    """Whether all that a provider is known to yield is a session, and not a tuple with one in it."""
    evaluator, module = domain.evaluator, domain.evaluator.project.summary_at(provider.path)
    if module is None:
        return False
    given = (each for term in source.yields for each in alternatives(evaluator.of(term, evaluator.frame(module))))
    return all(
        isinstance(each, Unknown) or evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION) for each in given
    )


def _same_task(domain: Domain, task: ProjectFunction) -> list[Handoff]:
    """Every hand-over of a task in the module, in the order of the text."""
    return [each for each in domain.subjects(Handoff) if each.callee is not None and domain.value(each.callee) == task]


def _has_collision(wrapped: WrappedTask, task: ProjectFunction) -> bool:
    """Whether a name of the new function is another thing's in the module."""
    domain = wrapped.domain
    if not wrapped.context.is_nameable_in(domain.module.executor.module_body):
        return True
    if wrapped.name in domain.module.summary.bindings and wrapped.name not in domain.module.executor.bodies:
        return True
    for other in domain.subjects(Handoff):
        value = domain.value(other.callee) if other.callee is not None else None
        if isinstance(value, ProjectFunction) and value != task and last_name(value) == wrapped.function.name:
            return True
    return False
