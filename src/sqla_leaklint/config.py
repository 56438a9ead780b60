"""Settings: what they are, where they are found, and what is wrong with the ones that cannot be used."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

FILE_NAMES = ("leaklint.toml", "pyproject.toml")
"""Looked for in this order in every directory, from that of the file to the root of the disk."""


class ConfigError(Exception):
    """Settings that cannot be used; the text names the file, the key and, if it is near, the key that was meant."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose; immutable, and with `directory` all that a run's behaviour hangs on besides the text.

    `select` of None means the default groups.  Selectors are codes, prefixes of codes, names of rules and groups;
    whether they mean anything is decided where the rules are known.  `exclude` of None means what is left out by
    default; patterns are those of .gitignore, relative to `directory`.  `knowledge` is the table of that name as JSON
    text, "" when there is none.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    all_files: bool = False
    fastapi_version: str | None = None
    knowledge: str = ""
    directory: Path | None = None
    file: Path | None = None

    def overridden(
        self,
        *,
        select: tuple[str, ...] = (),
        extend_select: tuple[str, ...] = (),
        ignore: tuple[str, ...] = (),
        all_files: bool = False,
    ) -> Settings:
        """The settings under a host's arguments: `select` replaces the file's choice of rules, the rest adds to it."""
        base = replace(self, select=select, extend_select=(), ignore=()) if select else self
        return replace(
            base,
            extend_select=(*base.extend_select, *extend_select),
            ignore=(*base.ignore, *ignore),
            all_files=base.all_files or all_files,
        )


_TEXTS = "a list of strings"
_KEYS = {
    "select": _TEXTS,
    "extend-select": _TEXTS,
    "ignore": _TEXTS,
    "exclude": _TEXTS,
    "extend-exclude": _TEXTS,
    "all-files": "true or false",
    "fastapi-version": 'a version in quotes, such as "0.115"',
    "knowledge": "a table",
}


class SettingsFinder:
    """The settings that hold for a directory: those of the nearest file above it that has some; each file is read once.

    Raises `ConfigError` when the nearest file cannot be used.
    """

    def __init__(self) -> None:
        self._found: dict[Path, Settings] = {}

    def for_directory(self, directory: Path) -> Settings:
        """The settings for files in an absolute directory."""
        pending: list[Path] = []
        settings = Settings()
        for candidate in (directory, *directory.parents):
            known = self._found.get(candidate) or settings_in_directory(candidate)
            pending.append(candidate)
            if known is not None:
                settings = known
                break
        self._found.update(dict.fromkeys(pending, settings))
        return settings


def settings_in_directory(directory: Path) -> Settings | None:
    """The settings that stand in a directory itself; a pyproject.toml without `[tool.leaklint]` has none."""
    for name in FILE_NAMES:
        path = directory / name
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
        # Most files of that name are not about us, and what else is wrong with them is not our business.
        if name == "pyproject.toml" and b"leaklint" not in data:
            continue
        settings = _settings_of_file(path, data)
        if settings is not None:
            return settings
    return None


def read_settings(path: Path) -> Settings:
    """The settings of a file that the user named; a `pyproject.toml` is read from its `[tool.leaklint]`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    settings = _settings_of_file(path, data)
    if settings is None:
        raise ConfigError(f"{path}: has no table [tool.leaklint]")
    return settings


def settings_from_table(table: Mapping[str, Any], *, where: str, prefix: str = "") -> Settings:
    """The settings that a parsed TOML table says; `where` names the file in messages, `prefix` the table's own path."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: {prefix.rstrip('.') or 'it'} must be a table")
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"{where}: unknown key `{prefix}{key}`{_suggestion(key, list(_KEYS))}")
    texts = {key: _texts(table[key], where, prefix + key) for key in table if _KEYS[key] is _TEXTS}
    all_files = table.get("all-files", False)
    if not isinstance(all_files, bool):
        raise _wrong_type(where, f"{prefix}all-files", _KEYS["all-files"], all_files)
    version = table.get("fastapi-version")
    if version is not None and not (isinstance(version, str) and version[:1].isdigit()):
        raise _wrong_type(where, f"{prefix}fastapi-version", _KEYS["fastapi-version"], version)
    return Settings(
        select=texts.get("select"),
        extend_select=texts.get("extend-select", ()),
        ignore=texts.get("ignore", ()),
        exclude=texts.get("exclude"),
        extend_exclude=texts.get("extend-exclude", ()),
        all_files=all_files,
        fastapi_version=version,
        knowledge=_knowledge(table.get("knowledge", {}), where, f"{prefix}knowledge"),
    )


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The table that a TOML text says; raises `ConfigError` with line and column when it is none."""
    # Imported here: most runs meet no file of ours, and the parser costs start-up.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: is not valid TOML: nested too deeply") from error
    return table


def _settings_of_file(path: Path, data: bytes) -> Settings | None:
    where = str(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: is not UTF-8 text (byte {error.start})") from error
    table: Any = parse_toml(text, where)
    prefix = ""
    if path.name == "pyproject.toml":
        tool = table.get("tool", {})
        table, prefix = (tool.get("leaklint") if isinstance(tool, dict) else None), "tool.leaklint."
        if table is None:
            return None
    settings = settings_from_table(table, where=where, prefix=prefix)
    return replace(settings, directory=path.absolute().parent, file=path)


def _knowledge(tables: Any, where: str, key: str) -> str:
    # What the rows may say is for the floor to judge that knows the tables; here it only has to be plain data.
    if not isinstance(tables, dict):
        raise _wrong_type(where, key, _KEYS["knowledge"], tables)
    return json.dumps(tables, sort_keys=True, default=str) if tables else ""


def _texts(value: Any, where: str, key: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _wrong_type(where, key, _TEXTS, value)


def _wrong_type(where: str, key: str, wanted: str, value: Any) -> ConfigError:
    return ConfigError(f"{where}: `{key}` must be {wanted}, not {value!r}")


def _suggestion(word: str, known: list[str]) -> str:
    """What was probably meant, or all that there is when the word is like nothing."""
    near = get_close_matches(word.replace("_", "-").lower(), known, n=1, cutoff=0.5)
    return f" (did you mean `{near[0]}`?)" if near else f" (known: {', '.join(known)})"
