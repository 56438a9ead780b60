"""Reading loader options: the relationships that each names, from the entity on, and how it loads them.

Terms
    *link*: one relationship of an option, with its strategy.  *Path*: the links of one option, in order.

    joinedload(Order.items).selectinload(Item.tags)          one path of two links
    joinedload(Order.items).options(joinedload(Item.tags))   two paths: `items`; `items`, then `tags`
    joinedload("items.tags")                                 one path of two links, by name (before SQLAlchemy 2.0)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import BoundMethod, Clause, Literal, ModelAttribute, ProjectClass, Symbol
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_WITHOUT_LINKS = frozenset({"Load", "load_only", "defer", "undefer", "undefer_group", "with_loader_criteria"})


@dataclass(frozen=True, slots=True)
class Link:
    """`model` is None for a relationship that is given as a string; `node` is the call that names the strategy."""

    name: str
    model: ProjectClass | None
    strategy: LoadStrategy
    node: tree.Call

    @property
    def attribute(self) -> ModelAttribute | None:
        return ModelAttribute(self.model, self.name) if self.model is not None else None


Path = tuple[Link, ...]


def paths(domain: Domain, options: tuple[Term, ...]) -> Iterator[Path | None]:
    """The paths of the arguments of `options(…)`; None for one that cannot be read."""
    nodes = {site: node for node, site in domain.module.executor.sites.items()}
    for option in options:
        for each in _written_out(domain, option):
            found = _Reader(domain, nodes).paths(each) if each is not None else None
            yield from found if found is not None else (None,)


def _written_out(domain: Domain, option: Term) -> Iterator[Term | None]:
    """The options of a list or tuple that is unpacked, where this module writes it out."""
    if not isinstance(option, t.Star | t.Collection | t.Ref):
        yield option
        return
    value = option.value if isinstance(option, t.Star) else option
    if isinstance(value, t.Ref):
        target = domain.evaluator.project.resolve(value.path, domain.module.summary)
        found = binding(domain.evaluator.project, target[0], target[1][0]) if target and len(target[1]) == 1 else None
        value = found[1] if found is not None and found[0] is domain.module.summary else value
    if isinstance(value, t.Declared) and value.value is not None:
        value = value.value
    if isinstance(value, t.Collection) and value.kind in {"list", "tuple"}:
        for element in value.elements:
            yield from _written_out(domain, element)
    else:
        yield value if isinstance(value, t.Call) and not isinstance(option, t.Star) else None


@dataclass(frozen=True, slots=True)
class _Reader:
    domain: Domain
    nodes: dict[int, tree.Call]

    def paths(self, option: Term) -> list[Path] | None:
        """The paths of one option, the longest of each chain of calls; None where one cannot be read."""
        if not isinstance(option, t.Call) or any(isinstance(each, t.Star) for each in option.args):
            return None
        node = self.nodes.get(option.site)
        if node is None:
            return None
        before: list[Path] | None = [()]
        if isinstance(option.func, t.Attr) and isinstance(option.func.base, t.Call):
            before, name = self.paths(option.func.base), option.func.name
        else:
            value = self.domain.value_of(option.func)
            name = value.path.removeprefix("sqlalchemy.orm.") if isinstance(value, Symbol) else ""
        if before is None:
            return None
        if name in _WITHOUT_LINKS:
            return before
        if name == "options":
            inner = [self.paths(each) for each in option.args]
            return (
                before + [before[-1] + path for each in inner if each is not None for path in each]
                if None not in inner
                else None
            )
        row = self.domain.evaluator.knowledge.loader_option(f"sqlalchemy.orm.{name}")
        links = list(self._links(option.args[0], row.strategy, node)) if row is not None and option.args else []
        if not links or len(option.args) != 1:
            return None
        return [*before[:-1], before[-1] + tuple(links)]

    def _links(self, argument: Term, strategy: LoadStrategy, node: tree.Call) -> Iterator[Link]:
        value = self.domain.value_of(argument)
        if isinstance(value, Clause) and value.operands and value.operator in {"and_", "of_type"}:
            value = value.operands[0]
        match value:
            case ModelAttribute(model=model, name=name) | BoundMethod(receiver=ProjectClass() as model, name=name):
                yield Link(name, model, strategy, node)
            case Literal(value=str() as names) if names != "*":
                for name in names.split("."):
                    yield Link(name, None, strategy, node)
            case _:
                return


__all__ = ["Link", "Path", "paths"]
