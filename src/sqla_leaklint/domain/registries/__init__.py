"""Registries of sessions (`scoped_session`): who uses one, where that runs, and who removes the session afterwards.

Terms
    *registry*: an object that hands every thread (or whatever its `scopefunc` tells apart) a session of its own, and
    keeps it until `remove()`.  *Touch*: a call of a registry or of one of its methods.  *Place*: where a function runs
    that is nobody's callee.  *Removal*: what ends a registry's session.

`definitions` says which registry a name means, `use` what a function does with one, `places` where it runs, `removals`
who removes the session when it is done; `unremoved` and `handed_out` are what the rules judge.
"""

from __future__ import annotations

from sqla_leaklint.domain.registries.definitions import Registry, Scope
from sqla_leaklint.domain.registries.handed_out import HandedOutRegistry
from sqla_leaklint.domain.registries.places import Where
from sqla_leaklint.domain.registries.unremoved import UnremovedRegistry
from sqla_leaklint.domain.registries.use import RegistryUse

__all__ = ["HandedOutRegistry", "Registry", "RegistryUse", "Scope", "UnremovedRegistry", "Where"]
