"""Loading relationships with the rows of a query: the options, where they go, and what they import.

    session.query(Order)
    session.query(Order).options(selectinload(Order.items).joinedload(Item.product))

A collection is loaded by `selectinload`, which leaves the query and its rows as they are; what is one row by
`joinedload`, but for queries to which a join may not be added: those that lock, group, or take repeated rows out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.mapped.relationships import is_collection, relationship_of, target_of
from sqla_leaklint.domain.values import ProjectClass, Statement, alternatives
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.semantic.terms import Ref
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.loading.relationship_reads import RelationshipRead
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.syntax.spans import SourceMap

Path = tuple[str, ...]

_NO_JOINS = frozenset({Role.LOCKS, Role.GROUPS, Role.DISTINCT, Role.COMBINES, Role.SOURCES, Role.STREAMS})


def load_with_rows(read: RelationshipRead) -> PendingFix | None:
    """Have the query of a read load all that this and other reads miss of its rows."""
    load = read.load
    if load is None or read.source.start is None:
        return None
    reads = [each for each in read.of_same_rows if each.is_query_each and each.source.start is read.source.start]
    return load_eagerly(load, read.source.start, [each.path for each in reads])


def load_eagerly(load: Load, start: Model, paths: Sequence[Path]) -> PendingFix | None:
    """Append `.options(…)` to the call that begins a query, for some paths of relationships from its entity `start`."""
    domain, place, statement = load.domain, _beginning(load), load.statement
    if place is None or statement is None:
        return None
    options = [option_for(domain.evaluator, statement, start, group) for group in _by_first(paths)]
    if not all(option is not None and _can_be_named(domain, option) for option in options):
        return None
    chosen = [option for option in options if option is not None]

    def render(source: SourceMap) -> Sequence[TextEdit]:
        first, last = source.offsets(_entity_of(place))
        texts = (option.spelled(source.text[first:last]) for option in chosen)
        return append_step(source, place, f".options({', '.join(texts)})"), *_imports(domain, chosen, source)

    *others, name = [f"`{'.'.join(path)}`" for path in paths]
    names = f"{', '.join(others)} and {name}" if others else name
    return PendingFix(Applicability.UNSAFE, f"load {names} with the rows", render)


def _by_first(paths: Sequence[Path]) -> Iterable[list[Path]]:
    """The paths that begin with the same relationship, together."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path[0], []).append(path)
    return groups.values()


def options_for_reads(reads: Sequence[RelationshipRead]) -> str:
    """The loader options that some reads of the same rows miss, as one would write them."""
    source = reads[0].source
    assert source.start is not None
    assert source.rows.statement is not None
    evaluator, start = reads[0].domain.evaluator, source.start
    groups = _by_first([read.path for read in reads])
    options = (option_for(evaluator, source.rows.statement, start, group) for group in groups)
    return ", ".join(option.spelled(start.name) for option in options if option is not None)


# --- the option -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Option:
    """A relationship in a loader option, by the function that loads it, with what is loaded of its rows."""

    function: str
    owner: Model
    name: str
    below: list[Option] = field(default_factory=list)

    def spelled(self, owner: str) -> str:
        """The option as text, where the entity of the query is called `owner`."""
        text = f"{self.function}({owner}.{self.name})"
        if len(self.below) == 1:
            return f"{text}.{self.below[0].spelled(self.below[0].owner.name)}"
        if self.below:
            return f"{text}.options({', '.join(each.spelled(each.owner.name) for each in self.below)})"
        return text

    @property
    def functions(self) -> Iterator[str]:
        """The functions that have to be imported: one that follows another is its method."""
        yield self.function
        below = self.below[0].below if len(self.below) == 1 else self.below
        while len(below) == 1:
            below = below[0].below
        for each in below:
            yield from each.functions

    @property
    def owners(self) -> Iterator[Model]:
        """The models that are named in it, besides that of the query's entity."""
        for each in self.below:
            yield each.owner
            yield from each.owners


def option_for(evaluator: Evaluator, statement: Statement, start: Model, paths: Sequence[Path]) -> Option | None:
    """The option that loads relationships which begin with the same one; None when one of them is not known."""
    first = {path[:1] for path in paths}
    return _option(evaluator, statement, start, start, first.pop(), paths) if len(first) == 1 else None


def _option(
    evaluator: Evaluator, statement: Statement, start: Model, owner: Model, path: Path, paths: Sequence[Path]
) -> Option | None:
    relationship = relationship_of(evaluator, owner, path[-1])
    if relationship is None:
        return None
    is_wanted = path in paths or loading(evaluator, statement, start, *path) is Loading.LAZY
    is_single = is_collection(evaluator, owner, relationship) is False
    may_join = len(path) > 1 or not any(step.role in _NO_JOINS for step in statement.steps)
    function = "defaultload" if not is_wanted else "joinedload" if is_single and may_join else "selectinload"
    option = Option(function, owner, path[-1])
    further = {each[: len(path) + 1]: None for each in paths if len(each) > len(path) and each[: len(path)] == path}
    target = target_of(evaluator, relationship)
    for each in further:
        below = _option(evaluator, statement, start, target, each, paths) if target is not None else None
        if below is None:
            return None
        option.below.append(below)
    return option


# --- the text ---------------------------------------------------------------------------------------------------------


def _beginning(load: Load) -> tree.Call | tree.Attribute | None:
    """What begins the query, where an option can follow: `select(Order)`, `session.query(Order)`, `Order.query`."""
    root = load.root
    if root is not None:
        is_plain = len(root.args) == 1 and isinstance(root.args[0].value, tree.Name | tree.Attribute)
        return root if is_plain and not root.args[0].star else None
    for call in load.calls:
        receiver = call.func.value if isinstance(call.func, tree.Attribute) else None
        if isinstance(receiver, tree.Attribute) and receiver.attr == "query":
            value = load.domain.value(receiver)
            if isinstance(value, Statement) and not value.steps:
                return receiver
    return None


def _entity_of(place: tree.Call | tree.Attribute) -> tree.Expr:
    return place.args[0].value if isinstance(place, tree.Call) else place.value


def _can_be_named(domain: Domain, option: Option) -> bool:
    """Whether every name of an option means in the module what it has to mean, or nothing yet."""
    bound = domain.module.summary.bindings
    for function in option.functions:
        known = bound.get(function)
        if known is not None and not (isinstance(known, Ref) and known.path.endswith(f".{function}")):
            return False
    return all(_is_at_hand(domain, owner) or _may_be_imported(domain, owner) for owner in option.owners)


def _is_at_hand(domain: Domain, owner: Model) -> bool:
    """Whether the module has a model under its own name, and not for type checkers alone."""
    named = [
        stmt
        for stmt in domain.module.parsed.tree.body
        if (isinstance(stmt, tree.Class) and stmt.name == owner.name)
        or (isinstance(stmt, tree.ImportFrom) and any((each.alias or each.name) == owner.name for each in stmt.names))
    ]
    value = domain.evaluator.module_member(domain.module.path, owner.name) if named else None
    return value is not None and owner.cls in alternatives(value)


def _may_be_imported(domain: Domain, owner: Model) -> bool:
    """Whether an import of a model can be added: the name is free, and no cycle of imports is to be feared."""
    module = domain.module.summary
    if "." in owner.cls.qualname or any(owner.name in body.bindings for body in domain.bodies):
        return False
    classes = domain.evaluator.classes
    return not any(classes.is_mapped(ProjectClass(module.path, qualname)) for qualname in module.classes)


def _imports(domain: Domain, options: Sequence[Option], source: SourceMap) -> Iterator[TextEdit]:
    module = domain.module.parsed.tree
    yield from import_edits(source, module, "sqlalchemy.orm", *(name for each in options for name in each.functions))
    missing: dict[str, set[str]] = {}
    for owner in (owner for option in options for owner in option.owners):
        if not _is_at_hand(domain, owner):
            missing.setdefault(_module_of(domain, owner.cls), set()).add(owner.name)
    for path, names in missing.items():
        yield from import_edits(source, module, path, *names)


def _module_of(domain: Domain, cls: ProjectClass) -> str:
    summary = domain.evaluator.project.summary_at(cls.path)
    assert summary is not None
    return summary.name
