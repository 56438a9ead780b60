"""Settings: where they are found, what they mean, and what is said about those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import ConfigError, Settings, SettingsFinder, read_settings
from sqla_leaklint.linter.workspace import knowledge_of
from tests.hosts import leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]


def settings(text: str, tmp_path: Path, name: str = "leaklint.toml") -> Settings:
    path = tmp_path / name
    path.write_text(text)
    return read_settings(path)


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """
    select = ["leak"]
    extend-select = ["LKS2"]
    ignore = ["LKS201"]
    exclude = ["a"]
    extend-exclude = ["b"]
    all-files = true
    fastapi-version = "0.115"
    """
    assert settings(text, tmp_path) == Settings(
        select=("leak",),
        extend_select=("LKS2",),
        ignore=("LKS201",),
        exclude=("a",),
        extend_exclude=("b",),
        all_files=True,
        fastapi_version="0.115",
        directory=tmp_path,
        file=tmp_path / "leaklint.toml",
    )


def test_a_pyproject_is_read_from_its_table(tmp_path: Path) -> None:
    found = settings('[tool.other]\nx = 1\n[tool.leaklint]\nignore = ["LKS101"]\n', tmp_path, "pyproject.toml")
    assert found.ignore == ("LKS101",)


def test_the_nearest_file_with_settings_holds(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": '[tool.leaklint]\nignore = ["outer"]\n',
            "a/pyproject.toml": "[tool.ruff]\n",
            "a/b/leaklint.toml": 'ignore = ["inner"]\n',
            "a/b/pyproject.toml": '[tool.leaklint]\nignore = ["not me"]\n',
            "a/b/c/keep": "",
        },
    )
    finder = SettingsFinder()
    assert finder.for_directory(tmp_path / "a" / "b" / "c").ignore == ("inner",)
    assert finder.for_directory(tmp_path / "a").ignore == ("outer",)
    assert finder.for_directory(tmp_path / "a" / "b").ignore == ("inner",)


def test_what_is_wrong_with_another_tools_file_is_not_our_business(tmp_path: Path) -> None:
    write(tmp_path, {"leaklint.toml": "", "a/pyproject.toml": "this is not TOML"})
    assert SettingsFinder().for_directory(tmp_path / "a").file == tmp_path / "leaklint.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slect = []", "unknown key `slect` (did you mean `select`?)"),
        ("extend_select = []", "unknown key `extend_select` (did you mean `extend-select`?)"),
        ("zzz = 1", "unknown key `zzz` (known: select, "),
        ('select = "LKS1"', "`select` must be a list of strings, not 'LKS1'"),
        ("ignore = [1]", "`ignore` must be a list of strings, not [1]"),
        ('all-files = "yes"', "`all-files` must be true or false, not 'yes'"),
        ("fastapi-version = 0.1", "`fastapi-version` must be a version in quotes"),
        ('fastapi-version = "new"', "`fastapi-version` must be a version in quotes"),
        ("knowledge = 1", "`knowledge` must be a table, not 1"),
        ("select = [", "is not valid TOML: "),
        ("x = " + "[" * 100_000, "is not valid TOML: "),
    ],
)
def test_a_message_names_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(text, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'leaklint.toml'}: ")
    assert message in str(caught.value)


def test_keys_of_a_pyproject_are_named_with_their_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key `tool\.leaklint\.slect` \(did you mean `select`\?\)"):
        settings("[tool.leaklint]\nslect = []", tmp_path, "pyproject.toml")
    with pytest.raises(ConfigError, match=r"tool\.leaklint must be a table"):
        settings("tool.leaklint = 1", tmp_path, "pyproject.toml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "leaklint.toml"
    path.write_bytes(b"select = ['\xff']")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_settings(path)


def test_a_file_that_is_missing_or_says_nothing_to_us(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"has no table \[tool\.leaklint\]"):
        settings("[tool.ruff]", tmp_path, "pyproject.toml")


def test_arguments_replace_a_choice_and_add_to_the_rest() -> None:
    base = Settings(select=("leak",), extend_select=("LKS2",), ignore=("LKS3",))
    assert base.overridden(select=("LKS4",)) == Settings(select=("LKS4",))
    assert base.overridden(extend_select=("LKS4",), ignore=("LKS5",), all_files=True) == Settings(
        select=("leak",), extend_select=("LKS2", "LKS4"), ignore=("LKS3", "LKS5"), all_files=True
    )


def test_rows_of_knowledge_reach_the_tables(tmp_path: Path) -> None:
    text = '[[knowledge.function]]\nname = "acme.open_session"\nreturns = "sqlalchemy.orm.Session"\n'
    row = knowledge_of(settings(text, tmp_path)).function("acme.open_session")
    assert row is not None
    assert row.returns == "sqlalchemy.orm.Session"
    assert hash(settings(text, tmp_path)) == hash(settings(text, tmp_path))


def test_rows_that_mean_nothing_are_refused_by_the_command(project: Path) -> None:
    write(project, {"leaklint.toml": '[[knowledge.function]]\nnme = "x"\n', "a.py": program("x = 1")})
    ran = leaklint("a.py")
    assert ran.code == 2
    assert "leaklint.toml: knowledge.function[0]: no such key `nme`; did you mean `name`?" in ran.err


# --- the command and its settings -------------------------------------------------------------------------------------

TWO = program("leak(safe)", "rotten()")


@pytest.mark.usefixtures("toy")
def test_settings_hold_for_the_files_below_them(project: Path) -> None:
    write(project, {"a/x.py": TWO, "b/x.py": TWO, "b/leaklint.toml": 'ignore = ["toy"]'})
    assert [line.split(":")[0] for line in leaklint().out.splitlines()] == ["a/x.py", "a/x.py"]


@pytest.mark.usefixtures("toy")
def test_isolated_reads_no_file_and_config_only_one(project: Path) -> None:
    write(project, {"x.py": TWO, "leaklint.toml": 'ignore = ["toy"]', "other/mine.toml": 'select = ["LKS1"]'})
    assert leaklint("x.py").code == 0
    assert leaklint("--isolated", "x.py").code == 1
    assert leaklint("--config", "other/mine.toml", "x.py").code == 1
    assert leaklint("--config", "other/mine.toml", "--isolated", "x.py").code == 2


@pytest.mark.usefixtures("toy")
def test_a_selector_in_a_file_that_names_nothing_is_a_warning(project: Path) -> None:
    write(project, {"x.py": TWO, "leaklint.toml": 'ignore = ["LKS198", "tooy"]'})
    ran = leaklint("x.py")
    assert ran.code == 1
    assert "leaklint.toml: `LKS198` names no rule" in ran.err
    assert "`tooy` names no rule, group or beginning of a code (did you mean `toy`?)" in ran.err


def test_broken_settings_end_the_run_before_it_begins(project: Path) -> None:
    write(project, {"x.py": "x = 1\n", "pyproject.toml": "[tool.leaklint]\nslect = []\n"})
    ran = leaklint("x.py")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("leaklint: error: ")
    assert "unknown key `tool.leaklint.slect` (did you mean `select`?)" in ran.err
