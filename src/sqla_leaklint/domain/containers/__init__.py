"""What a process keeps: dicts, lists and sets of modules and classes, what puts things in and what takes things out.

A container is looked at only when something in the project puts things in; then all its uses are gathered, wherever
they are.  It is *looked after* when something takes entries out, bounds it or takes it out of sight.  What it keeps
otherwise matters when `domain.provenance` traces a key or element to the world outside.

`identity` says which terms are the container, `uses` what is done with it, `texts` what only the text tells,
`definitions` where containers are made, and `container` puts these together.
"""

from __future__ import annotations

from sqla_leaklint.domain.containers.container import Container, Kept
from sqla_leaklint.domain.containers.exceptions import StoredException
from sqla_leaklint.domain.containers.growing import GrowingState

__all__ = ["Container", "GrowingState", "Kept", "StoredException"]
