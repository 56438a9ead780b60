"""Values of literals as Python would compute them, without compiling anything (and so without its warnings)."""

from __future__ import annotations

import re

_MAX_DIGITS = 100  # longer integers are data; nothing compares them
_SIMPLE_ESCAPES = {
    "\n": "",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_ESCAPE = re.compile(
    r"""\\(?:(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"""
    r"""|N\{(?P<name>[^}]*)\}|(?P<simple>.))""",
    re.DOTALL,
)
_BYTES_ESCAPE = re.compile(r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})|(?P<simple>.))", re.DOTALL)


def integer_value(text: str) -> object:
    """Return the value of an integer literal, or its text if it is huge."""
    if len(text) > _MAX_DIGITS:
        return text
    try:
        return int(text, 0)
    except ValueError:  # a form that only older parsers took, such as 0777
        return text


def float_value(text: str) -> object:
    """Return the value of a float literal."""
    return float(text)


def imaginary_value(text: str) -> object:
    """Return the value of an imaginary literal."""
    return complex(text)


def string_value(text: str) -> object:
    """Return the value of one string or bytes literal, or its text if an escape is malformed."""
    quote = text[-1]
    start = text.index(quote)
    size = 3 if text[start : start + 3] == quote * 3 and len(text) - start >= 6 else 1
    prefix = text[:start].lower()
    content = text[start + size : -size]
    if "\r" in content:  # Python reads every line ending as \n
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    is_bytes = "b" in prefix
    try:
        if "\\" in content and "r" not in prefix:
            content = (_BYTES_ESCAPE if is_bytes else _ESCAPE).sub(_unescape, content)
        return content.encode("latin-1") if is_bytes else content
    except (KeyError, ValueError, OverflowError):
        return text


def _unescape(match: re.Match[str]) -> str:
    kind = match.lastgroup
    written = match[kind] if kind is not None else ""
    if kind == "simple":
        if written in ("x" if match.re is _BYTES_ESCAPE else "xuUN"):
            raise ValueError(f"malformed escape: {match[0]}")
        return _SIMPLE_ESCAPES.get(written, match[0])  # an unknown escape keeps its backslash
    if kind == "name":
        import unicodedata  # a megabyte of tables that hardly any file needs

        return unicodedata.lookup(written)
    number = int(written, 8 if kind == "octal" else 16)
    # Octal escapes above 0o377 wrap in bytes.
    return chr(number & 0xFF if match.re is _BYTES_ESCAPE else number)
