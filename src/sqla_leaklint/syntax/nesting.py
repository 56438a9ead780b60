"""Refusal of texts that nest too deeply for a recursive parser, before it sees them."""

from __future__ import annotations

import re

from sqla_leaklint.syntax.source import SourceError

# CPython's tokenizer refuses more open brackets than this (MAXLEVEL), so no program is lost.
_MAX_BRACKETS = 200
# Operators, attributes and calls that hang on one another, summed over the open brackets.  CPython's compiler gives up
# near 3,000; libcst's parser takes time, and for some operators memory, in the square of this.
_MAX_LINKS = 1_500
# Each `elif` nests in the one before; the parser takes more, the walk for positions not many more.  Of one function.
_MAX_ELIFS = 2_500

# Every bracket in a pattern or after `del` doubles the parser's time (a mapping in a pattern: four times as long).
_MAX_AMBIGUOUS_BRACKETS = 12

# The patterns below start with a plain "\n", which the regular expression engine finds much faster than a choice.

# No expression goes on over a line that starts with one of these.
_STATEMENT = re.compile(
    r"\n[ \t\f]*(?:def|class|return|raise|import|pass|try|except|finally|with|while|assert|del|global)\b"
)
_FUNCTION = re.compile(r"\n[ \t\f]*(?:async[ \t]+)?def\b")
_LINK = re.compile(r"[(\[{\-+*/%@&|^~.]|\b(?:and|or|not|if|lambda|await)\b")
_MATCH = re.compile(r"\n[ \t\f]*match\b[^\r\n]*[:(\[{,\\][ \t]*(?:\#[^\r\n]*)?[\r\n]")
_CASE = re.compile(r"\n[ \t\f]*case\b")
_DEL = re.compile(r"\n[ \t\f]*del\b")
_TOKEN = re.compile(
    r"""
      (?P<comment> \#[^\r\n]* )
    | (?P<prefix> [A-Za-z]{0,2} )
      (?: '''(?P<text1> [^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)* )'''
        | \"""(?P<text2> [^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)* )\"""
        | '(?P<text3> [^'\\\r\n]*(?:\\.[^'\\\r\n]*)* )'
        | "(?P<text4> [^"\\\r\n]*(?:\\.[^"\\\r\n]*)* )" )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<comma> , )
    | (?P<end> ;|(?<!\\)[\r\n] )
    | (?P<link> \*\*|//|[-+*/%@&|^~.]|\b(?:and|or|not|if|lambda|await)\b )
    """,
    re.VERBOSE | re.DOTALL,
)


def refuse_deep_nesting(text: str) -> None:
    """Raise `SourceError` if an expression or an `elif` chain nests deeper than the parser is known to bear.

    A text without a stretch that could hold such an expression, nearly every text, is let through without being read
    token by token.
    """
    if text.count("elif") > _MAX_ELIFS and any(part.count("elif") > _MAX_ELIFS for part in _FUNCTION.split(text)):
        raise SourceError(f"more than {_MAX_ELIFS:,} elif branches")
    if any(map(_may_be_deep, _STATEMENT.split(text))):
        _measure(text, 0, len(text), 0, 0)
    # `case` is also the name of a function of SQLAlchemy: it is a keyword only where there is a `match`.
    ambiguous = (_DEL, _CASE) if "match" in text and _MATCH.search(text) else (_DEL,) if "del" in text else ()
    for keyword in ambiguous:
        for start in keyword.finditer(text):
            _measure(text, start.end(), len(text), _MAX_BRACKETS - _MAX_AMBIGUOUS_BRACKETS, 0, is_one_line=True)


def _may_be_deep(stretch: str) -> bool:
    if len(stretch) <= _MAX_BRACKETS:
        return False
    if stretch.count("(") + stretch.count("[") + stretch.count("{") > _MAX_BRACKETS:
        return True
    return len(stretch) > _MAX_LINKS and len(_LINK.findall(stretch)) > _MAX_LINKS


def _measure(text: str, start: int, end: int, brackets: int, total: int, *, is_one_line: bool = False) -> None:
    """Follow the nesting of `text[start:end]`, which lies in so many brackets and links already.

    With `is_one_line` the first line end outside of brackets is the end.
    """
    outer: list[int] = []  # links of the expressions around the current one, outermost first
    links = 0  # of the current expression; `total` is the sum of all, and of the open brackets
    for token in _TOKEN.finditer(text, start, end):
        match token.lastgroup:
            case "comma":
                total -= links
                links = 0
            case "end":
                if not outer:
                    if is_one_line:
                        return
                    total -= links
                    links = 0
            case "open":
                outer.append(links)
                links = 0
                total += 1
                if brackets + len(outer) > _MAX_BRACKETS:
                    raise _error("too many nested parentheses", text, token.start())
            case "close":
                if outer:
                    total -= links
                    links = outer.pop() + 1  # the pair may be a call or an index: a link of its own
            case "link":
                links += 1
                total += 1
            case "text1" | "text2" | "text3" | "text4" as group if not set("fFtT").isdisjoint(token["prefix"]):
                _measure(text, token.start(group), token.end(group), brackets + len(outer), total)
        if total > _MAX_LINKS:
            raise _error("expression is nested too deeply", text, token.start())


def _error(message: str, text: str, offset: int) -> SourceError:
    lines = re.split(r"\r\n?|\n", text[:offset])
    return SourceError(message, len(lines), len(lines[-1]) + 1)
