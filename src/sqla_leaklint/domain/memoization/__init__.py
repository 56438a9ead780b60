"""What functools keeps of a program: functions whose results are kept by their arguments, for as long as they are.

Terms
    *memoiser*: what makes such a function of a function: `functools.cache`, `functools.lru_cache(…)`, a name or a
    decorator of the project that stands for one of them.  *Bound*: how many results it keeps.  *Key*: the arguments,
    all of them, kept alive by every result that is kept.

A memoiser is what its name resolves to: `cachetools`, `aiocache`, `fastapi_cache` and the project's own stores have
decorators of the same names, with key functions and lifetimes of their own, and are none.

`memoizers` says what is a memoiser and what bounds it, `memoized` finds the functions below one, `keys` what their keys
are made of, and `instances` who makes the objects that the memo of a method keeps.
"""

from __future__ import annotations

from sqla_leaklint.domain.memoization.memoized import Memoized

__all__ = ["Memoized"]
