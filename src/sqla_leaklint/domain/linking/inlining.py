"""A call of the project's own, written out: what one of the terms inside of the callee is in terms of the caller.

    def protected(method, path, **more):
        return method(path, dependencies=[Security(user)], **more)

    protected(router.get, "/", tags=["x"])      # `router.get("/", dependencies=[Security(user)], tags=["x"])`

Names of modules are absolute, so that they mean the same in any module; what is neither such a name nor given by the
caller becomes `Opaque`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})
_DEEPEST = 30
"""Terms inside of each other, and local names for local names."""
_READS = frozenset({"get", "items", "keys", "values", "copy"})
"""Methods of `kwargs` that leave it as it is."""
_NOT_KNOWN = t.Opaque("a name of the function that is called")
_UNPACKED = t.Star(_NOT_KNOWN, 2)


@dataclass(slots=True)
class Inlining:
    """Writes terms of a callee, and of the functions in it, as the caller could have."""

    module: ModuleSummary
    callee: FunctionSummary
    args: tuple[t.Term, ...]
    keywords: tuple[tuple[str, t.Term], ...]
    _given: Mapping[str, t.Term] = field(init=False)
    _depth: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        given = dict(zip(self._positional(), self._args(), strict=False))
        names = {each.name for each in self.callee.parameters}
        given.update({name: value for name, value in self.keywords if name in names})
        for each in self.callee.parameters:
            if each.name not in given and each.default is not None and not self._may_be_unpacked():
                given[each.name] = each.default
        self._given = given

    def of(self, term: t.Term) -> t.Term:
        """A term of the callee in terms of the caller."""
        if self._depth > _DEEPEST:
            return _NOT_KNOWN
        self._depth += 1
        try:
            return self._written(term)
        finally:
            self._depth -= 1

    def _written(self, term: t.Term) -> t.Term:
        match term:
            case t.Param(function=function, name=name):
                return self._given.get(name, _NOT_KNOWN) if function == self.callee.qualname else _NOT_KNOWN
            case t.Local(function=function, name=name):
                bound = self.module.functions[function].locals.get(name) if function in self.module.functions else None
                return self.of(bound) if bound is not None else _NOT_KNOWN
            case t.Attr(base=base, name=name):
                owner = self.of(base)
                return t.Ref(f"{owner.path}.{name}") if isinstance(owner, t.Ref) else t.Attr(owner, name)
            case t.Call():
                keywords = tuple((name, self.of(value)) for name, value in term.keywords)
                others = tuple(self._others(term)) if self._hands_on(term) else ()
                return t.Call(self.of(term.func), tuple(self._arguments(term)), (*keywords, *others), term.site)
            case t.Collection(kind=kind, elements=elements, keys=keys):
                return t.Collection(kind, tuple(map(self.of, elements)), tuple(map(self.of, keys)))
            case t.Join(terms=terms, operator=operator):
                return t.Join(tuple(map(self.of, terms)), operator)
            case t.Ref() | t.Const():
                return term
            case _:
                return _NOT_KNOWN

    # --- what the caller gives ---

    def _positional(self) -> list[str]:
        return [each.name for each in self.callee.parameters if each.kind in _POSITIONAL]

    def _args(self) -> list[t.Term]:
        """The arguments by position that are known to have it: those before the first that is unpacked."""
        found: list[t.Term] = []
        for each in self.args:
            if isinstance(each, t.Star):
                break
            found.append(each)
        return found

    def _may_be_unpacked(self) -> bool:
        return any(isinstance(each, t.Star) for each in self.args)

    # --- what the callee hands on ---

    def _arguments(self, call: t.Call) -> Iterator[t.Term]:
        for each in call.args:
            match each:
                case t.Star(value=t.Param(name=name), depth=1) if self._collects(each, ParameterKind.VAR_POSITIONAL):
                    yield from self.args[len(self._positional()) :]
                case t.Star(value=t.Param(name=name), depth=2) if self._collects(each, ParameterKind.VAR_KEYWORD):
                    if self._is_changed(name):
                        yield _UNPACKED
                    yield from (unpacked for unpacked in self.args if isinstance(unpacked, t.Star))
                case t.Star():
                    yield t.Star(self.of(each.value), each.depth)
                case _:
                    yield self.of(each)

    def _hands_on(self, call: t.Call) -> bool:
        return any(self._collects(each, ParameterKind.VAR_KEYWORD) for each in call.args)

    def _others(self, call: t.Call) -> Iterator[tuple[str, t.Term]]:
        """What `**kwargs` holds."""
        names = {each.name for each in self.callee.parameters} | {name for name, _ in call.keywords}
        return (each for each in self.keywords if each[0] not in names)

    def _collects(self, star: t.Term, kind: ParameterKind) -> bool:
        """Whether something unpacked is the parameter of the callee that takes all others of a kind."""
        if not isinstance(star, t.Star) or not isinstance(star.value, t.Param):
            return False
        parameter = self.callee.parameter(star.value.name)
        return star.value.function == self.callee.qualname and parameter is not None and parameter.kind is kind

    def _is_changed(self, name: str) -> bool:
        """Whether the callee, or a function in it, may put something in a parameter, or take something out."""

        def is_it(term: t.Term | None) -> bool:
            return isinstance(term, t.Param) and (term.function, term.name) == (self.callee.qualname, name)

        for function in self.module.functions.values():
            if not f"{function.qualname}.".startswith(f"{self.callee.qualname}."):
                continue
            for act in function.acts:
                match act.value:
                    case t.Call(func=t.Attr(base=base, name=method)) if act.deed is Deed.CALLED and is_it(base):
                        if method not in _READS:
                            return True
                    case _ if is_it(act.base):
                        return True
                    case t.Call(args=args) if any(map(is_it, args)):
                        return True
        return False
