"""From a decision to change code to the edits that change it.

A rule decides *what* to do and says so with one of the builders in this package; the text is produced later, once,
when the
positions of the nodes are known.
"""

from __future__ import annotations

from sqla_leaklint.fixes.pending import PendingFix, TextEdit

__all__ = ["PendingFix", "TextEdit"]
