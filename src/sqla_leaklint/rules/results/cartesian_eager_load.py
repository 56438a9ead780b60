"""Two collections of an entity are joined to one query: a row comes for each combination of their members."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.loading.cartesian import Branch, CartesianLoad
from sqla_leaklint.fixes.eager_loading import declare_selectin, rename_to_selectin
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS211",
    name="cartesian-eager-load",
    group=Group.WASTE,
    since="0.1.0",
    summary="two collections of an entity are joined to one query: rows multiply",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_HELP = "load collections by `selectinload`: a statement for each, and every row once"


@rule.check(CartesianLoad)
def check(load: CartesianLoad, domain: Domain) -> Iterator[Draft]:
    every = "every query" if load.declared else "one query"
    draft = rule.diagnostic(
        load.node,
        f"{_listed(load.branches)} are joined to {every}: a row comes for each combination of their members",
    )
    if load.declared:
        yield draft.with_help(
            'declare `lazy="selectin"`: a statement for each collection, and every row once'
        ).with_fix(declare_selectin(load.declared))
        return
    for branch in load.branches[1:]:
        if branch.node is not None:
            draft = draft.with_note(branch.node, f"`{branch.name}` is joined, too")
        else:
            model = branch.model
            draft = draft.with_note(domain.locate(model.path, model.qualname), f"the model joins `{branch.name}`")
    yield draft.with_help(_HELP).with_fix(rename_to_selectin(domain, load.occurrences))


def _listed(branches: tuple[Branch, ...]) -> str:
    *names, last = [f"`{branch.name}`" for branch in branches]
    return f"{', '.join(names)} and {last}"
