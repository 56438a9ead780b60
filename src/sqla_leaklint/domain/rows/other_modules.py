"""The domains of other modules, for what their summaries do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import Value

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

Given = tuple[tuple[tuple[str, str], Value], ...]
"""Sessions by the parameters without an annotation that they are given to."""

_DOMAINS: Memo[Domain, dict[tuple[str, Given], Domain]] = Memo(lambda _: {})


def domain_of(domain: Domain, path: str, given: Given = ()) -> Domain | None:
    """The domain of a module in which some parameters are known."""
    from sqla_leaklint.domain.evaluation import Frame
    from sqla_leaklint.domain.module import Domain as ModuleDomain

    if path == domain.module.path and not given:
        return domain
    domains = _DOMAINS.of(domain)
    if (path, given) not in domains:
        module = domain.module if path == domain.module.path else domain.evaluator.project.module_at(path)
        if module is None:
            return None
        made = domains[path, given] = ModuleDomain(module, domain.evaluator, domain.settings)
        if given:
            made.frame = Frame(module.summary, dict(given))
    return domains[path, given]
