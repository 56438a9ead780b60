"""Imports that nothing would need any more, once some expressions were gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


def removable_import(
    domain: Domain, name: str, package: str, without: tuple[tree.Expr, ...]
) -> tree.Import | tree.ImportFrom | None:
    """The import at module level that alone binds a name, from that package, of which nothing but those expressions
    makes use.
    """
    module = domain.module
    found = [
        stmt
        for stmt in module.parsed.tree.body
        if isinstance(stmt, tree.Import | tree.ImportFrom)
        and any((each.alias or each.name.partition(".")[0]) == name for each in stmt.names)
    ]
    if len(found) != 1 or not name or not _is_from(found[0], name, package):
        return None
    gone = {node for expr in without for node in walk(expr)}
    for node in walk(module.parsed.tree):
        if node in gone:
            continue
        if (isinstance(node, tree.Name) and node.id == name) or (
            isinstance(node, tree.Constant) and node.value == name
        ):
            return None
    return None if _is_exported(domain, name) else found[0]


def _is_from(stmt: tree.Import | tree.ImportFrom, name: str, package: str) -> bool:
    if isinstance(stmt, tree.ImportFrom):
        return not stmt.level and stmt.module.partition(".")[0] == package
    return any(
        each.name.partition(".")[0] == package
        for each in stmt.names
        if (each.alias or each.name.partition(".")[0]) == name
    )


def _is_exported(domain: Domain, name: str) -> bool:
    """Whether another module takes a name from this one."""
    own = domain.module.summary
    project = domain.evaluator.project
    if project.root is None:
        return False
    wanted = f"{own.name}.{name}"
    return any(
        own.name in user.star_imports
        or any(isinstance(term, t.Ref) and term.path.startswith(wanted) for term in user.bindings.values())
        or any(
            isinstance(part, t.Ref) and part.path.startswith(wanted)
            for _, act in user.mentions()
            if act.deed is Deed.CALLED
            for part in t.all_in([act.value])
        )
        for user in project.mentioning(own.name.rpartition(".")[2])
        if user.path != own.path
    )
