"""`# noqa`: the comments that silence a diagnostic, read exactly as flake8 reads them."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator

from sqla_leaklint.diagnostics import Diagnostic

# The same expressions as flake8's: the two hosts must silence the same diagnostics.
_LINE = re.compile(r"# noqa(?::[\s]?(?P<codes>(?:[A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_FILE = re.compile(r"\s*# flake8[:=]\s*noqa\s*$", re.IGNORECASE | re.MULTILINE)
_SEPARATOR = re.compile(r"[,\s]+")


def unsuppressed(diagnostics: Iterable[Diagnostic], text: str) -> Iterator[Diagnostic]:
    """The diagnostics of a file that no comment in its text silences."""
    found = list(diagnostics)
    lowered = text.lower() if found else ""
    if "noqa" not in lowered:
        yield from found
        return
    if "flake8" in lowered and any(_FILE.match(line) for line in text.splitlines()):
        return
    lines = _searched_lines(text)
    for diagnostic in found:
        if not _silences(lines.get(diagnostic.location.span.line, ""), diagnostic.code):
            yield diagnostic


def _silences(searched: str, code: str) -> bool:
    match = _LINE.search(searched)
    if match is None:
        return False
    codes = match["codes"]
    if codes is None:
        return True
    return code.startswith(tuple(word for word in _SEPARATOR.split(codes) if word))


def _searched_lines(text: str) -> dict[int, str]:
    """For every line the text that is searched for a comment: itself, or all of a string or backslash continuation."""
    lines = io.StringIO(text, newline=None).readlines()
    searched = dict(enumerate(lines, start=1))
    first, last = len(lines) + 1, 0
    try:
        for token in tokenize.generate_tokens(iter(lines).__next__):
            if token.type in {tokenize.ENDMARKER, tokenize.DEDENT}:
                continue
            first, last = min(first, token.start[0]), max(last, token.end[0])
            if token.type in {tokenize.NL, tokenize.NEWLINE}:
                if last > first:
                    searched.update(dict.fromkeys(range(first, last + 1), "".join(lines[first - 1 : last])))
                first, last = len(lines) + 1, 0
    except (tokenize.TokenError, SyntaxError):
        # Newer syntax than the running Python's, or none at all: each line stands for itself.
        return dict(enumerate(lines, start=1))
    return searched
