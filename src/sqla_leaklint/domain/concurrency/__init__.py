"""What runs at the same time as what: tasks, threads, and the sessions that they share.

`work` says what a call sets going and which sessions go along, `fan_out` which functions of the project do so with what
they are given, `starts` where a function begins and ends it, and `shared` is the subject: a session in two hands.
"""

from __future__ import annotations

from sqla_leaklint.domain.concurrency.shared import SharedSession

__all__ = ["SharedSession"]
