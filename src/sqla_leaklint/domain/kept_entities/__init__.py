"""Entities that outlive their session: what the process, a class or a memo keeps of what a session loaded.

Terms
    *kept*: put in a container of a module or class, bound to a name of a module by a function, to an attribute of a
    class or of the application, or returned by a memoised function.  *Detached*: an entity whose session is closed.  It
    keeps the columns and relationships that are loaded; a read of any other raises.

An entity counts where it is seen to be one, also through the functions that hand it on; that its session goes is sure
where a block closes it, where the request owns it, or where the function that keeps the entity is called for each
request.  Of a session that the process keeps, too, and of entities that the program has taken out of their session by
`expunge`, or loads in full by loader options, nothing is said.

`entities` says which terms are entities and whose, `subjects` where they are kept.
"""

from __future__ import annotations

from sqla_leaklint.domain.kept_entities.subjects import KeptEntity

__all__ = ["KeptEntity"]
