"""Finds the rules: every module below a family folder that has a `rule` is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import sqla_leaklint.rules as package
from sqla_leaklint.rules.base import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """All rules, ordered by code."""
    found: list[Rule] = []
    for family in pkgutil.iter_modules(package.__path__):
        if not family.ispkg:
            continue
        folder = importlib.import_module(f"{package.__name__}.{family.name}")
        for module in pkgutil.iter_modules(folder.__path__):
            candidate = getattr(importlib.import_module(f"{folder.__name__}.{module.name}"), "rule", None)
            if isinstance(candidate, Rule):
                found.append(candidate)
    return tuple(sorted(found, key=lambda rule: rule.code))
