"""Which files are looked at, and what part of a program each belongs to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sqla_leaklint.config import Settings, SettingsFinder
from sqla_leaklint.linter.discovery import MissingPathError, discover
from sqla_leaklint.linter.roles import FileRole, role_of
from sqla_leaklint.linter.workspace import root_of
from tests.hosts import write

pytest_plugins = ["tests.hosts.fixtures"]


def found(*paths: str, settings: Settings | None = None) -> list[str]:
    settings_for = SettingsFinder().for_directory if settings is None else lambda _: settings
    return [file.shown for file in discover(paths or (".",), settings_for)]


def make(root: Path, *names: str) -> None:
    write(root, dict.fromkeys(names, ""))


def test_python_files_in_a_fixed_order(project: Path) -> None:
    make(project, "b.py", "a/z.py", "a/b/c.py", "a.txt", "a.pyc", "b.pyi")
    assert found() == ["a/b/c.py", "a/z.py", "b.py"]
    assert found("b.py", "a") == ["b.py", "a/b/c.py", "a/z.py"]


def test_a_path_is_shown_as_it_was_written(project: Path) -> None:
    make(project, "a/b.py")
    assert found("./a") == ["a/b.py"]
    assert found(str(project / "a")) == [str(project / "a" / "b.py")]
    os.chdir(project / "a")
    assert found("../a") == ["../a/b.py"]


def test_a_file_is_taken_once(project: Path) -> None:
    make(project, "a/b.py")
    (project / "a" / "link.py").symlink_to("b.py")
    assert found("a", "a/b.py", "./a", str(project)) == ["a/b.py"]


def test_a_file_that_is_named_is_always_taken(project: Path) -> None:
    make(project, ".venv/lib/site-packages/x.py", "script", "gone/y.py")
    write(project, {".gitignore": "gone\n"})
    names = [".venv/lib/site-packages/x.py", "script", "gone/y.py"]
    assert found(*names, settings=Settings(extend_exclude=("script",), directory=project)) == names


def test_a_missing_path_is_told_before_anything_is_looked_at(project: Path) -> None:
    make(project, "a.py")
    with pytest.raises(MissingPathError, match=r"b\.py: No such file or directory"):
        next(discover(["a.py", "b.py"], lambda _: Settings()))


# --- what tools put there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["node_modules/x.py", ".tox/x.py", "__pycache__/x.py", "a/_vendor/x.py", "x/site-packages/y.py", ".hidden/a/x.py"],
)
def test_left_out_by_name(name: str, project: Path) -> None:
    make(project, name, "kept.py")
    assert found() == ["kept.py"]


@pytest.mark.parametrize("name", ["env", "venv", "libs", "lib", "build", "dist", "vendor", "bin", "docs", "examples"])
def test_first_party_code_may_be_called_anything(name: str, project: Path) -> None:
    make(project, f"{name}/x.py", f"{name}/a/y.py")
    assert found() == [f"{name}/a/y.py", f"{name}/x.py"]


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "conda-meta/history", "Scripts/activate.bat", "bin/activate"])
def test_an_environment_is_known_by_its_layout(marker: str, project: Path) -> None:
    make(project, f"anything/{marker}", "anything/bin/python", "anything/lib/python3.11/x.py", "kept.py")
    assert found() == ["kept.py"]


def test_installed_packages_are_left_out_and_their_neighbours_are_not(project: Path) -> None:
    make(project, "libs/click/core.py", "libs/six.py", "libs/ours/x.py", "libs/handler.py", "libs/bin/x.py")
    record = "click/core.py,sha256=x,1\nclick-8.dist-info/RECORD,,\n../bin/tool,,\n"
    write(project, {"libs/click-8.dist-info/RECORD": record, "libs/six-1.16.dist-info/top_level.txt": "six\n"})
    assert found() == ["libs/bin/x.py", "libs/handler.py", "libs/ours/x.py"]


def sqlalchemy(folder: str) -> list[str]:
    return [f"{folder}/sqlalchemy/{name}" for name in ("__init__.py", "orm/__init__.py", "engine/base.py", "sql/x.py")]


def test_a_folder_with_a_copy_of_sqlalchemy_is_vendored(project: Path) -> None:
    make(project, *sqlalchemy("libs"), "libs/alembic/x.py", "app/x.py")
    assert found() == ["app/x.py"]


def test_a_root_with_a_copy_of_sqlalchemy_is_a_root(project: Path) -> None:
    make(project, *sqlalchemy("."), *sqlalchemy("service"), "service/pyproject.toml", "service/x.py", "app/x.py")
    assert found() == ["app/x.py", "service/x.py"]


def test_a_package_of_ones_own_may_be_called_sqlalchemy(project: Path) -> None:
    make(project, "adapters/sqlalchemy/__init__.py", "adapters/sqlalchemy/x.py", "adapters/y.py")
    assert len(found()) == 3


def test_what_is_left_out_can_be_named(project: Path) -> None:
    make(project, ".venv/pyvenv.cfg", ".venv/x.py")
    assert found(".venv") == [".venv/x.py"]


# --- what the user leaves out -----------------------------------------------------------------------------------------


def test_gitignore(project: Path) -> None:
    make(project, ".git/HEAD", "a.py", "gen/b.py", "gen/keep.py", "sub/c.py", "sub/d.py", "sub/gen/e.py", "out.py/x.py")
    write(project, {".gitignore": "gen/*\n!gen/keep.py\n/c.py\n*.py/\n", "sub/.gitignore": "d.py\n!gen/e.py\n"})
    assert found() == ["a.py", "gen/keep.py", "sub/c.py", "sub/gen/e.py"]
    os.chdir(project / "sub")
    assert found() == ["c.py", "gen/e.py"]


def test_an_ignored_folder_that_is_named_is_looked_at(project: Path) -> None:
    make(project, ".git/HEAD", "gen/b.py")
    write(project, {".gitignore": "gen\n"})
    assert found("gen") == ["gen/b.py"]
    assert found() == []


def test_a_broken_line_of_gitignore_does_not_void_the_others(project: Path) -> None:
    make(project, "a.py", "b.py")
    write(project, {".gitignore": "!\n[z-a].py\nb.py\n"})
    assert found() == ["a.py"]


def test_exclude_and_extend_exclude(project: Path) -> None:
    make(project, "a/x.py", "b/x.py", ".venv/pyvenv.cfg", ".venv/x.py")
    write(project, {"leaklint.toml": 'extend-exclude = ["/a"]'})
    assert found() == ["b/x.py"]
    os.chdir(project / "a")
    assert found("..") == ["../b/x.py"]
    os.chdir(project)
    write(project, {"leaklint.toml": 'exclude = ["b/*.py"]'})
    assert found() == [".venv/x.py", "a/x.py"]


# --- odd file systems -------------------------------------------------------------------------------------------------


def test_links_that_loop(project: Path) -> None:
    make(project, "a/x.py")
    (project / "a" / "up").symlink_to("..")
    (project / "a" / "self.py").symlink_to("self.py")
    (project / "b").symlink_to("b")
    (project / "a" / ".#x.py").symlink_to("user@host.1234")
    assert found() == ["a/self.py", "a/x.py"]
    with pytest.raises(MissingPathError, match="b: Too many levels of symbolic links"):
        found("b")


def test_what_is_no_file_is_not_read(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    (project / "folder.py").mkdir()
    make(project, "folder.py/x.py")
    assert found() == ["folder.py/x.py"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_is_passed_over(project: Path) -> None:
    make(project, "a/x.py", "b.py")
    (project / "a").chmod(0)
    try:
        assert found() == ["b.py"]
    finally:
        (project / "a").chmod(0o755)


# --- roles and roots --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("app/main.py", FileRole.APP),
        ("app/latest/contest.py", FileRole.APP),
        ("app/testing_ground.py", FileRole.APP),
        ("app/versions/v1.py", FileRole.APP),
        ("env.py", FileRole.APP),
        ("tests/factories.py", FileRole.TEST),
        ("app/tests/helpers/x.py", FileRole.TEST),
        ("integration_tests/x.py", FileRole.TEST),
        ("app/test_x.py", FileRole.TEST),
        ("app/x_test.py", FileRole.TEST),
        ("conftest.py", FileRole.TEST),
        ("alembic/env.py", FileRole.MIGRATION),
        ("alembic/versions/2024_01_x.py", FileRole.MIGRATION),
        ("alembic/versions/2024/x.py", FileRole.MIGRATION),
    ],
)
def test_roles_by_place(name: str, role: FileRole, project: Path) -> None:
    make(project, "alembic/versions/x.py", "alembic/env.py", "app/versions/v1.py")
    assert role_of(project / name, project, b"from alembic import context\n") is role


def test_a_migration_is_known_by_what_it_says(project: Path) -> None:
    assert (
        role_of(project / "x.py", project, b"revision = 'a'\ndown_revision: str | None = None\n") is FileRole.MIGRATION
    )
    assert role_of(project / "x.py", project, b"print(script.down_revision)\n") is FileRole.APP


def test_folders_above_the_project_say_nothing(tmp_path: Path) -> None:
    root = tmp_path / "tests" / "project"
    assert role_of(root / "x.py", root, b"") is FileRole.APP
    assert role_of(root / "x.py", None, b"") is FileRole.APP


def root(path: Path) -> Path | None:
    (file,) = discover([str(path)], lambda _: Settings())
    return root_of(file)


def test_the_root_is_the_nearest_project(project: Path) -> None:
    make(project, "service/setup.py", "service/app/x.py", "app/x.py")
    assert root(project / "service/app/x.py") == project / "service"
    assert root(project / "app/x.py") == project


def test_a_module_of_a_package_may_be_called_setup(project: Path) -> None:
    make(project, "app/__init__.py", "app/setup.py", "app/x.py")
    assert root(project / "app/x.py") == project


def test_without_a_project_it_is_the_working_directory_or_the_folder_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/app/x.py", "b/c")
    monkeypatch.chdir(tmp_path / "a")
    assert root(tmp_path / "a/app/x.py") == root(tmp_path / "a/app") == tmp_path / "a"
    monkeypatch.chdir(tmp_path / "b")
    assert root(tmp_path / "a/app/x.py") is None
    assert root(tmp_path / "a/app") == tmp_path / "a/app"
