"""Making a reference back weak: the attribute becomes a property that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import import_edits, newline_of
from sqla_leaklint.fixes.lines import end_of, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap


def weak_back_reference(domain: Domain, constructor: Body, attribute: str, title: str) -> PendingFix | None:
    """Keep a parameter of `__init__` by a weak reference, and read it by a property of the attribute's name."""
    module, function = domain.module.parsed.tree, constructor.node
    stores = [
        (body, event)
        for body in domain.bodies
        for event in body.events
        if event.deed is Deed.STORED_ATTRIBUTE and event.key in {attribute, f"_{attribute}"}
    ]
    if len(stores) != 1 or stores[0][0] is not constructor or "ref" in domain.module.executor.module_body.names.bound:
        return None
    stmt = stores[0][1].stmt
    if not isinstance(function, tree.Function) or not isinstance(stmt, tree.Assign) or len(stmt.targets) != 1:
        return None
    if not isinstance(stmt.value, tree.Name) or not isinstance(domain.term(stmt.value), t.Param):
        return None
    target, value, receiver = stmt.targets[0], stmt.value, function.params[0].name

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((target, value, function))
        newline, indent = newline_of(source), source.indentation(function)
        unit = unit_of(source.text, indent)
        end = end_of(function, source)
        property_lines = (
            "",
            "",
            f"{indent}@property",
            f"{indent}def {attribute}({receiver}):",
            f"{indent}{unit}return {receiver}._{attribute}()",
        )
        return (
            TextEdit(*source.offsets(target), f"{receiver}._{attribute}"),
            TextEdit(*source.offsets(value), f"ref({value.id})"),
            TextEdit(end, end, newline.join(property_lines)),
            *import_edits(source, module, "weakref", "ref"),
        )

    return PendingFix(Applicability.DISPLAY, title, render)
