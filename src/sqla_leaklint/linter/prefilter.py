"""Which files need no checking: those in which none of the words occurs that any rule could start from."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache


def may_matter(data: bytes, words: frozenset[bytes]) -> bool:
    """Whether a file's bytes hold one of the words from which a diagnostic can begin."""
    return _pattern(words).search(data) is not None


def is_plainly_valid(data: bytes) -> bool:
    """Whether the running Python can parse the file, a tenth of the cost of finding out with libcst.

    False says nothing: the file may be written in a newer syntax.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, "<file>", "exec", flags=_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, LookupError):
        return False
    return True


_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without the import


@lru_cache(maxsize=16)
def _pattern(words: frozenset[bytes]) -> re.Pattern[bytes]:
    # Without any word nothing matches: the pattern of no alternatives would match everything.
    return re.compile(b"|".join(re.escape(word) for word in sorted(words)) or rb"(?!)")
