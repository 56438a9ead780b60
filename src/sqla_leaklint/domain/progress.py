"""What is being evaluated, and whether what was found meanwhile may be remembered.

An evaluation that comes to need itself is cut short there, and ends in `Unknown`.  What lies between the two, found
unknown only because of that, may be known when it is asked for by itself:

    of(a)           level 0
      of(b)         level 1
        of(c)       level 2: needs a, which is under way: cut short for level 0

`c` and `b`, unknown, are not remembered; `a` is, as nothing was cut short for what lies above it.
"""

from __future__ import annotations

from collections.abc import Hashable

_NEVER = 1 << 30


class Progress:
    """The evaluations under way, each at its level, and the lowest level that something was cut short for since the
    last of them began.
    """

    __slots__ = ("_lowest", "levels")

    def __init__(self) -> None:
        self.levels: dict[Hashable, int] = {}
        self._lowest = _NEVER

    def __contains__(self, key: Hashable) -> bool:
        return key in self.levels

    def cut_short_for(self, key: Hashable) -> None:
        """Note that something needs an evaluation that is under way, and goes on without it."""
        self._lowest = min(self._lowest, self.levels[key])

    def cut_short(self) -> None:
        """Note that something was given up for how much is under way: only the very first may remember it."""
        self._lowest = min(self._lowest, 0)

    def begin(self, key: Hashable) -> int:
        """Have an evaluation under way; returns what `end` needs."""
        self.levels[key] = len(self.levels)
        outer, self._lowest = self._lowest, _NEVER
        return outer

    def end(self, key: Hashable, outer: int) -> bool:
        """End the evaluation that began last; tells whether what it found is its own, and may be remembered."""
        level, lowest = self.levels.pop(key), self._lowest
        is_its_own = lowest >= level
        self._lowest = outer if is_its_own else min(outer, lowest)
        return is_its_own
