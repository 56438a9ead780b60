"""Loading a collection by a second statement: `selectinload` in place of an option or a model that joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step, can_be_extended
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.domain.loading.eager_options import JoinedCollection
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.syntax.spans import SourceMap

_SELECTIN = "selectinload"


def load_by_selectin(load: Load, collections: Sequence[JoinedCollection]) -> PendingFix | None:
    """Let each collection be loaded by a statement of its own; rows are unique then, and need no `unique()`."""
    if not _is_free(load.domain):
        return None
    root = load.root
    by_model = [each for each in collections if each.node is None]
    place = load.node if load.is_legacy else load.executed
    model = root.args[0].value if root is not None and len(root.args) == 1 else None
    if by_model and (place is None or not can_be_extended(place) or not isinstance(model, tree.Name | tree.Attribute)):
        return None
    if by_model and load.is_legacy and load.rows.consumer.name != "for":
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        edits = list(_renamed(collections, source))
        is_imported = any(isinstance(each.node.func, tree.Name) for each in collections if each.node is not None)
        if by_model and place is not None and model is not None:
            name = source.text[slice(*source.offsets(model))]
            options = ", ".join(f"{_SELECTIN}({name}.{each.attribute.name})" for each in by_model)
            edits.append(append_step(source, place, f".options({options})"))
            is_imported = True
        if not edits:
            return ()
        edits += _without_unique(load, source)
        if is_imported:
            edits += import_edits(source, load.domain.module.parsed.tree, "sqlalchemy.orm", _SELECTIN)
        return tuple(edits)

    return PendingFix(Applicability.UNSAFE, f"load by `{_SELECTIN}`", render)


def rename_to_selectin(domain: Domain, collections: Sequence[JoinedCollection]) -> PendingFix | None:
    """Let each collection that an option joins be loaded by a statement of its own."""
    if not _is_free(domain):
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        edits = list(_renamed(collections, source))
        if edits and any(isinstance(each.node.func, tree.Name) for each in collections if each.node is not None):
            edits += import_edits(source, domain.module.parsed.tree, "sqlalchemy.orm", _SELECTIN)
        return tuple(edits)

    return PendingFix(Applicability.UNSAFE, f"load by `{_SELECTIN}`", render)


def declare_selectin(relationships: Sequence[tree.Call]) -> PendingFix | None:
    """Let a model load its collections by statements of their own: `lazy="selectin"` where it joins them."""
    given = [_lazy(call) for call in relationships]
    values = [value for value in given if value is not None]
    if len(values) != len(given):
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return tuple(TextEdit(*source.offsets(value), '"selectin"') for value in values)

    return PendingFix(Applicability.UNSAFE, 'declare `lazy="selectin"`', render)


def _lazy(relationship: tree.Call) -> tree.Constant | None:
    """The value that is written after `lazy=`."""
    for argument in relationship.args:
        if argument.keyword == "lazy":
            return argument.value if isinstance(argument.value, tree.Constant) else None
    return None


def _is_free(domain: Domain) -> bool:
    """Whether the name of the option means nothing else in the module."""
    bound = domain.module.summary.bindings.get(_SELECTIN)
    return bound is None or getattr(bound, "path", "") == f"sqlalchemy.orm.{_SELECTIN}"


def _renamed(collections: Sequence[JoinedCollection], source: SourceMap) -> Iterator[TextEdit]:
    for each in collections:
        if each.node is None:
            continue
        func = each.node.func
        name = func.attr if isinstance(func, tree.Attribute) else func.id if isinstance(func, tree.Name) else ""
        end = source.offsets(func)[1]
        if name in {"joinedload", "subqueryload"} and source.text[end - len(name) : end] == name:
            yield TextEdit(end - len(name), end, _SELECTIN)


def _without_unique(load: Load, source: SourceMap) -> Iterator[TextEdit]:
    """`unique()` raises together with `yield_per`."""
    for call in load.calls:
        if isinstance(call.func, tree.Attribute) and call.func.attr == "unique" and not call.args:
            yield TextEdit(source.offsets(call.func.value)[1], source.offsets(call)[1], "")
