"""Imports, functions and classes: the statements that give a name its meaning for the whole of a module."""

from __future__ import annotations

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body, Environment
from sqla_leaklint.semantic.gathering import GatheringExecutor
from sqla_leaklint.semantic.scope import names_in, names_of
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree


class DefinitionExecutor(GatheringExecutor):
    """Executes what defines names; the bodies of functions wait in `pending` until the module's own is done."""

    def __init__(self, module: str, is_package: bool) -> None:
        super().__init__(module)
        self.package = module if is_package else module.rpartition(".")[0]
        self.pending: list[tuple[Body, Environment]] = []

    def execute(self, block: tree.Block) -> None:
        """Execute statements in the present environment."""
        raise NotImplementedError

    def do_import(self, stmt: tree.Import) -> None:
        for imported in stmt.names:
            path = imported.name if imported.alias else imported.name.partition(".")[0]
            self.bind(imported.alias or path, self.pool.make(t.Ref, path))

    def do_import_from(self, stmt: tree.ImportFrom) -> None:
        source = self.absolute_module(stmt.module, stmt.level)
        for imported in stmt.names:
            if imported.name == "*":
                self.star_imports.append(source)
                continue
            path = f"{source}.{imported.name}" if source else imported.name
            self.bind(imported.alias or imported.name, self.pool.make(t.Ref, path))

    def absolute_module(self, module: str, level: int) -> str:
        """The dotted path that `from ..module import` means here."""
        if not level:
            return module
        parts = self.package.split(".") if self.package else []
        parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
        return ".".join([*parts, module] if module else parts)

    def _qualname(self, name: str) -> str:
        if not self.body.qualname:
            return name
        return f"{self.body.qualname}.<locals>.{name}" if self.body.is_function else f"{self.body.qualname}.{name}"

    def _unique(self, qualname: str, node: tree.Node) -> str:
        """A second definition of the same name gets a number: "area", "area#2" (overloads, setters, branches)."""
        number = 1
        candidate = qualname
        while (known := self.bodies.get(candidate)) is not None and known.node is not node:
            number += 1
            candidate = f"{qualname}#{number}"
        return candidate

    def _is_accessor(self, decorators: tuple[Term, ...]) -> bool:
        return any(isinstance(term, t.Attr) and term.name in {"setter", "deleter", "getter"} for term in decorators)

    def _forget_overload(self, name: str) -> None:
        known = self.body.bindings.get(name)
        if isinstance(known, t.FunctionRef) and any(
            isinstance(decorator, t.Ref) and decorator.path.endswith(".overload")
            for decorator in self.bodies[known.qualname].decorators
        ):
            del self.body.bindings[name]

    def define_function(self, stmt: tree.Function) -> None:
        self.share()
        decorators = tuple(self.term(decorator) for decorator in stmt.decorators)
        qualname = self._unique(self._qualname(stmt.name), stmt)
        body = Body(qualname, stmt, self.body, names_of(stmt), decorators=decorators)
        env: Environment = {}
        for parameter in stmt.params:
            env[parameter.name] = self.pool.make(t.Param, qualname, parameter.name)
            if parameter.default is not None:
                body.defaults[parameter.name] = self.term(parameter.default)
            if parameter.annotation is not None:
                body.annotations[parameter.name] = self.term(parameter.annotation)
        if stmt.returns is not None:
            body.annotations["return"] = self.term(stmt.returns)
        if not self._is_accessor(decorators):
            self._forget_overload(stmt.name)
            self.bind(stmt.name, self.pool.make(t.FunctionRef, qualname))
        known = self.bodies.get(qualname)
        if known is None or known.node is not stmt:
            self.bodies[qualname] = body
            self.pending.append((body, env))

    def define_class(self, stmt: tree.Class) -> None:
        self.share()
        decorators = tuple(self.term(decorator) for decorator in stmt.decorators)
        bases: list[Term] = []
        keywords: list[tuple[str, Term]] = []
        for argument in stmt.args:
            value = self.term(argument.value)
            if argument.keyword is not None:
                keywords.append((argument.keyword, value))
            else:
                bases.append(value)
        qualname = self._unique(self._qualname(stmt.name), stmt)
        known = self.bodies.get(qualname)
        if known is None or known.node is not stmt:
            body = Body(qualname, stmt, self.body, names_in(stmt.body), decorators=decorators)
            body.bases, body.keywords = tuple(bases), tuple(keywords)
            self.bodies[qualname] = body
            outer, outer_env = self.body, self.env
            self.body, self.env = body, dict(outer_env or {}) if outer.is_function else {}
            self.execute(stmt.body)
            self.body, self.env, self.stmt = outer, outer_env, stmt
        self.bind(stmt.name, self.pool.make(t.ClassRef, qualname))
