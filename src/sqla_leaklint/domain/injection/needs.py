"""All that a function depends on when FastAPI calls it, to any depth.

def get_db(): …                                        read
def current_user(db=Depends(get_db)): …                ├── get_db            (the parameter `db`)
@router.get("/", dependencies=[Depends(audit)])        ├── current_user      (the parameter `user`)
def read(db=Depends(get_db),                           │   └── get_db        the same session: one to a request
         user=Depends(current_user)): …                └── audit             (nobody gets the value)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.injection.routes import added_by_routes
from sqla_leaklint.domain.linking import parameters
from sqla_leaklint.domain.values import (
    Dependency,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 8
"""Dependencies of dependencies that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A dependency of a function: `runs` is what FastAPI calls for it (a class's `__init__`, an object's `__call__`).

    `parameter` is the dependent's that gets the value, None where nobody does; `above` is the dependent's own place
    in the tree, None for the function that was asked about.
    """

    dependency: Dependency
    runs: ProjectFunction
    module: ModuleSummary
    function: FunctionSummary
    parameter: str | None
    above: Need | None

    @property
    def scope(self) -> str:
        """The scope that counts: only generators have one."""
        return (self.dependency.scope or "request") if self.function.is_generator else ""

    @property
    def way(self) -> tuple[Need, ...]:
        """From the dependency of the function that was asked about to this one."""
        return (*(self.above.way if self.above is not None else ()), self)

    @property
    def name(self) -> str:
        """What to call it: a class by its own name."""
        return self.function.owner.rpartition(".")[2] if self.function.owner is not None else self.function.name


def needs_of(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[Need]:
    """What an endpoint depends on, dependents before what they depend on: by routes, then by its parameters."""
    for dependency in added_by_routes(evaluator, module, function):
        yield from _with_own(evaluator, dependency, None, None)
    yield from _of_parameters(evaluator, module, function, None)


def _of_parameters(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, above: Need | None
) -> Iterator[Need]:
    frame = evaluator.frame(module)
    for parameter in function.parameters:
        if parameter.default is None and parameter.annotation is None:
            continue
        dependency = parameters.dependency_of(evaluator, function, parameter.name, frame)
        if dependency is not None:
            yield from _with_own(evaluator, dependency, parameter.name, above)


def _with_own(
    evaluator: Evaluator, dependency: Dependency, parameter: str | None, above: Need | None
) -> Iterator[Need]:
    providers = alternatives(dependency.provider)
    runs = _run_by(evaluator, providers[0]) if len(providers) == 1 else None
    summary = evaluator.classes.function(runs) if runs is not None else None
    module = evaluator.project.summary_at(runs.path) if runs is not None else None
    if runs is None or summary is None or module is None:
        return
    need = Need(dependency, runs, module, summary, parameter, above)
    yield need
    if len(need.way) <= _DEEPEST and all(each.function is not summary for each in need.way[:-1]):
        yield from _of_parameters(evaluator, module, summary, need)


def _run_by(evaluator: Evaluator, provider: Value) -> ProjectFunction | None:
    """The function of the project that runs when a provider is called."""
    match provider:
        case ProjectFunction():
            return provider
        case ProjectClass():
            found = evaluator.classes.find(provider, "__init__", on_instance=False)
            if found is None or not isinstance(found[1], t.FunctionRef):
                return None
            return ProjectFunction(found[0].path, found[1].qualname)
        case ProjectInstance():
            method = evaluator.classes.instance_attribute(provider, "__call__")
            return method if isinstance(method, ProjectFunction) else None
        case _:
            return None
