"""Places and pieces of text, written as the reader of an explanation knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap
from sqla_leaklint.syntax.walk import walk

LONGEST_TEXT = 70
"""Characters of code that are quoted in one piece."""


class Places:
    """Knows where things are, in the explained module and in those that it reaches; a place of its own is "line 7"."""

    def __init__(self, domain: Domain, show: Callable[[str], str]) -> None:
        self.domain = domain
        self._show = show
        self._maps: dict[str, SourceMap] = {}

    def module(self, path: str) -> Module | None:
        """The module in a file; None when it cannot be read any more."""
        own = self.domain.module
        return own if path == own.path else self.domain.evaluator.project.module_at(path)

    def map_of(self, module: Module) -> SourceMap:
        """The positions of a module."""
        if module.path not in self._maps:
            self._maps[module.path] = SourceMap(module.parsed)
        return self._maps[module.path]

    @property
    def own_map(self) -> SourceMap:
        return self.map_of(self.domain.module)

    def line_of(self, node: tree.Node) -> int:
        """The line on which a node of the explained module begins."""
        return self.own_map.span(node).line

    def last_line_of(self, node: tree.Node) -> int:
        return self.own_map.span(node).end_line

    def quoted(self, node: tree.Node, module: Module | None = None) -> str:
        """The text of a node, on one line, in backticks."""
        positions = self.map_of(module or self.domain.module)
        return quote(positions.text[slice(*positions.offsets(node))])

    def heading(self, node: tree.Node) -> str:
        """The text of a node; of a call without its arguments, which are elsewhere to be read."""
        if not isinstance(node, tree.Call):
            return self.quoted(node)
        start, end = self.own_map.offsets(node.func)
        return quote(f"{self.own_map.text[start:end]}({'…' if node.args else ''})")

    def at(self, node: tree.Node, module: Module | None = None) -> str:
        """Where a node is: "line 7", "shop/database.py:31"."""
        place = module or self.domain.module
        return self._written(place.path, self.map_of(place).span(node).line)

    def of(self, thing: ProjectFunction | ProjectClass) -> str:
        """Where a function or class of the project is defined."""
        return self.definition(thing.path, thing.qualname)

    def definition(self, path: str, qualname: str) -> str:
        """The same, by its file and qualified name."""
        found = self.domain.locate(path, qualname)
        return self._written(path, found.span.line) if found is not None else self._show(path)

    def located(self, location: Location) -> str:
        """The same, of a place that the domain has worked out."""
        return self._written(location.path, location.span.line)

    def binding(self, summary: ModuleSummary, name: str) -> tuple[str, str]:
        """Where a module binds a name, and the statement that does it ("" where it is not a simple one)."""
        module = self.module(summary.path)
        if module is None:
            return self._show(summary.path), ""
        for stmt in _statements(module.parsed.tree.body):
            if name in _names_bound(stmt):
                return self.at(stmt, module), self.quoted(stmt, module)
        body = module.executor.bodies.get(name)
        return (self.at(body.node, module), "") if body is not None else (self._show(summary.path), "")

    def attribute(self, cls: ProjectClass, name: str) -> tuple[str, str]:
        """Where a class or a method of it gives an attribute something else than None, and the statement."""
        module = self.module(cls.path)
        body = module.executor.bodies.get(cls.qualname) if module is not None else None
        if module is None or body is None or not isinstance(body.node, tree.Class):
            return self.of(cls), ""
        for stmt in _statements(body.node.body):
            if name in _names_bound(stmt):
                return self.at(stmt, module), self.quoted(stmt, module)
        for method in module.executor.bodies.values():
            for event in method.events if method.parent is body else ():
                if event.deed is not Deed.STORED_ATTRIBUTE or event.key != name or event.stmt is None:
                    continue
                value = event.value.value if isinstance(event.value, t.Declared) else event.value
                if not (isinstance(value, t.Const) and value.value is None):
                    return self.at(event.stmt, module), self.quoted(event.stmt, module)
        return self.of(cls), ""

    def call(self, term: t.Call, summary: ModuleSummary) -> tuple[str, str] | None:
        """Where a call of a module is, and its text; None when that cannot be told."""
        module = self.module(summary.path)
        sites = module.executor.sites.items() if module is not None else ()
        node = next((node for node, site in sites if site == term.site), None)
        if node is None or module is None:
            return None
        return self.at(node, module), self.quoted(node, module)

    def shown(self, path: str) -> str:
        """A file as the user would write it."""
        return self._show(path)

    def _written(self, path: str, line: int) -> str:
        return f"line {line}" if path == self.domain.module.path else f"{self._show(path)}:{line}"


def _statements(block: tree.Block) -> Iterator[tree.Stmt]:
    """The statements of a module's own body, those in its branches included."""
    for stmt in block:
        if not isinstance(stmt, tree.Function | tree.Class):
            yield stmt
            for inner in tree.blocks_of(stmt):
                yield from _statements(inner)


def _names_bound(stmt: tree.Stmt) -> set[str]:
    match stmt:
        case tree.Assign():
            targets = stmt.targets
        case tree.AnnAssign(value=value) if value is not None:
            targets = (stmt.target,)
        case _:
            return set()
    return {node.id for target in targets for node in walk(target) if isinstance(node, tree.Name)}


def quote(text: str) -> str:
    """A piece of code on one line, cut where it gets too long, in backticks."""
    flat = " ".join(text.split())
    flat = flat.replace("( ", "(").replace(" )", ")").replace(",)", ")")
    return f"`{flat}`" if len(flat) <= LONGEST_TEXT else f"`{flat[: LONGEST_TEXT - 1].rstrip()}…`"
