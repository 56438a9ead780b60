"""Module summaries: what other modules may know of a module.

A summary is a function of the module's name and text alone.  It says of every name what it is *in terms of other
names*, of
every function what it takes, returns, yields and does with its parameters and with names of other modules, of every
class its
bases and attributes.  It holds no tree and no positions, so that trees can be dropped and a summary stays the same when
lines move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.execution import Executor
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind


@dataclass(frozen=True, slots=True)
class ParameterSummary:
    name: str
    kind: ParameterKind
    annotation: Term | None
    default: Term | None


@dataclass(frozen=True, slots=True)
class Act:
    """An event without its place: what a body does with a value (`semantic.events`)."""

    deed: Deed
    value: Term
    base: Term | None = None
    key: Term | str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FunctionSummary:
    """`owner` is the qualified name of the class of a method; `scope` that of the enclosing function, if any."""

    qualname: str
    parameters: tuple[ParameterSummary, ...]
    decorators: tuple[Term, ...]
    returns_annotation: Term | None
    returns: tuple[Term, ...]
    yields: tuple[Term, ...]
    acts: tuple[Act, ...]
    locals: dict[str, Term]
    is_async: bool
    is_generator: bool
    awaits: bool
    owner: str | None
    scope: str | None

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2].partition("#")[0]

    def parameter(self, name: str) -> ParameterSummary | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class ClassSummary:
    """`attributes` are bound in the class body (methods too), `instance_attributes` are assigned on `self` or `cls` in
    methods.
    """

    qualname: str
    decorators: tuple[Term, ...]
    bases: tuple[Term, ...]
    keywords: tuple[tuple[str, Term], ...]
    attributes: dict[str, Term]
    annotations: dict[str, Term]
    instance_attributes: dict[str, Term]
    scope: str | None

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(frozen=True, slots=True, eq=False)
class ModuleSummary:
    name: str
    path: str
    is_package: bool
    bindings: dict[str, Term]
    star_imports: tuple[str, ...]
    functions: dict[str, FunctionSummary]
    classes: dict[str, ClassSummary]
    acts: tuple[Act, ...]

    def mentions(self) -> Iterator[tuple[FunctionSummary | None, Act]]:
        """Every kept act of the module, with the function that does it (None: the module's own body)."""
        for act in self.acts:
            yield None, act
        for function in self.functions.values():
            for act in function.acts:
                yield function, act


def summarise(executor: Executor, path: str, *, is_package: bool) -> ModuleSummary:
    """Reduce an executed module to its summary."""
    functions: dict[str, FunctionSummary] = {}
    classes: dict[str, ClassSummary] = {}
    for qualname, body in executor.bodies.items():
        match body.node:
            case tree.Function() | tree.Lambda():
                functions[qualname] = _function(body)
            case tree.Class():
                classes[qualname] = _class(body, executor)
            case _:
                pass
    root = executor.module_body
    return ModuleSummary(
        name=executor.module,
        path=path,
        is_package=is_package,
        bindings=root.bindings,
        star_imports=tuple(executor.star_imports),
        functions=functions,
        classes=classes,
        acts=tuple(_kept(root)),
    )


def _function(body: Body) -> FunctionSummary:
    node = body.node
    assert isinstance(node, tree.Function | tree.Lambda)
    parameters = tuple(
        ParameterSummary(p.name, p.kind, body.annotations.get(p.name), body.defaults.get(p.name)) for p in node.params
    )
    parent = body.parent
    return FunctionSummary(
        qualname=body.qualname,
        parameters=parameters,
        decorators=body.decorators,
        returns_annotation=body.annotations.get("return"),
        returns=tuple(event.value for event in body.events if event.deed is Deed.RETURNED),
        yields=tuple(event.value for event in body.events if event.deed is Deed.YIELDED),
        acts=tuple(_kept(body)),
        locals=body.bindings,
        is_async=isinstance(node, tree.Function) and node.is_async,
        is_generator=body.yields,
        awaits=body.awaits,
        owner=parent.qualname if parent is not None and isinstance(parent.node, tree.Class) else None,
        scope=_enclosing_function(body),
    )


def _class(body: Body, executor: Executor) -> ClassSummary:
    attributes = dict(body.bindings)
    instance: dict[str, Term] = {}
    for method in executor.bodies.values():
        if method.parent is not body or not isinstance(method.node, tree.Function) or not method.node.params:
            continue
        receiver = method.node.params[0].name
        for event in method.events:
            base = event.base
            if (
                event.deed is Deed.STORED_ATTRIBUTE
                and isinstance(base, t.Param)
                and base.name == receiver
                and base.function == method.qualname
                and isinstance(event.key, str)
            ):
                known = instance.get(event.key)
                instance[event.key] = event.value if known is None else executor.pool.join(known, event.value)
    return ClassSummary(
        qualname=body.qualname,
        decorators=body.decorators,
        bases=body.bases,
        keywords=body.keywords,
        attributes=attributes,
        annotations=body.annotations,
        instance_attributes=instance,
        scope=_enclosing_function(body),
    )


def _enclosing_function(body: Body) -> str | None:
    parent = body.parent
    while parent is not None:
        if parent.is_function:
            return parent.qualname
        parent = parent.parent
    return None


def _kept(body: Body) -> Iterator[Act]:
    """The events that can matter outside: not what a body does with its own fresh values and with builtins."""
    for event in body.events:
        if event.deed in _OWN_DEEDS or not _is_kept(event):
            continue
        yield Act(event.deed, event.value, event.base, event.key)


_OWN_DEEDS = frozenset({Deed.RETURNED, Deed.YIELDED, Deed.COLLECTED, Deed.RAISED, Deed.ITERATED})
"""What a body does with values of its own; what it returns and yields, its summary says anyway."""


def _is_kept(event: Event) -> bool:
    if event.deed is not Deed.CALLED:
        return True
    call = event.call
    if not isinstance(call.func, t.Ref) or not call.func.path.startswith("builtins."):
        return True
    return bool(call.args) and call.func.path != "builtins.super"
