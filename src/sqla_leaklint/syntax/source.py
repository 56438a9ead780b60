"""Source files: bytes to text and back, without losing a byte order mark, an encoding or a line ending."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path

# PEP 263: a comment that is alone on the first line, or on the second after a line that is blank or a comment.
_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK_OR_COMMENT = re.compile(rb"[ \t\f]*(?:#.*)?$")
_NEWLINE = re.compile(rb"\r\n?|\n")
_BOM = "\ufeff"


class SourceError(Exception):
    """A file that cannot be read as Python; `line` and `column` (in characters) count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, int, int]]:
        return (SourceError, (self.message, self.line, self.column))


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file, line endings as they are in the file; `encoding` is the one that the file asks for."""

    path: str
    text: str
    encoding: str = "utf-8"
    has_bom: bool = False


def read_source(path: str) -> Source:
    """Read and decode a file; raise `SourceError` if it cannot be opened or decoded."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot read the file: {reason}") from error
    return decode_source(path, data)


def decode_source(path: str, data: bytes) -> Source:
    """Decode a file as Python does (PEP 263); raise `SourceError` if Python would refuse its bytes."""
    has_bom = data.startswith(BOM_UTF8)
    if has_bom:
        data = data[len(BOM_UTF8) :]
    cookie, line = _declared_encoding(data)
    encoding = cookie or "utf-8"
    if has_bom and not _is_utf8(encoding):
        raise SourceError(f"the file declares the encoding {encoding!r} but starts with a UTF-8 byte order mark", line)
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise SourceError(f"unknown encoding: {encoding}", line) from error
    except UnicodeDecodeError as error:
        row, column = _position(data, error.start, encoding)
        byte = data[error.start : error.start + 1].hex()
        raise SourceError(f"byte 0x{byte} cannot be decoded as {encoding}", row, column) from error
    except ValueError as error:  # what other codecs raise (punycode, idna)
        raise SourceError(f"the file cannot be decoded as {encoding}", line) from error
    for character, message in (("\0", "source code cannot contain null bytes"), (_BOM, "stray byte order mark")):
        # A byte order mark inside of a string or a comment is legal; at the very start it would be lost by the parser.
        at = text.find(character) if character == "\0" else text.startswith(character) - 1
        if at >= 0:
            row, column = _position(text[:at].encode("utf-8", "replace"), at, "utf-8")
            raise SourceError(message, row, column)
    return Source(path, text, encoding, has_bom)


def encode_source(source: Source, text: str) -> bytes:
    """Encode `text` as the file that `source` was read from; raise `SourceError` if its encoding lacks a character."""
    try:
        data = text.encode(source.encoding)
    except UnicodeEncodeError as error:
        before = text[: error.start]
        line = before.count("\n") + 1
        column = error.start - before.rfind("\n")
        character = text[error.start]
        raise SourceError(f"{character!r} cannot be encoded as {source.encoding}", line, column) from error
    return BOM_UTF8 + data if source.has_bom else data


def _declared_encoding(data: bytes) -> tuple[str | None, int]:
    """Return the encoding that a cookie names, and the line of the cookie (None and 1 without one)."""
    for number, line in enumerate(_NEWLINE.split(data[:1000], maxsplit=2)[:2], start=1):
        if cookie := _COOKIE.match(line):
            return cookie[1].decode("ascii", "replace"), number
        if not _BLANK_OR_COMMENT.match(line):
            break
    return None, 1


def _is_utf8(encoding: str) -> bool:
    name = encoding.lower().replace("_", "-")
    return name in ("utf-8", "utf8") or name.startswith("utf-8-")


def _position(data: bytes, offset: int, encoding: str) -> tuple[int, int]:
    """Return the 1-based line and column (in characters) of the byte at `offset`."""
    before = _NEWLINE.split(data[:offset])
    return len(before), len(before[-1].decode(encoding, "replace")) + 1
