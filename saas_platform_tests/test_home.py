"""SAAS_HOME: what is ours there, and that nothing of anybody else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform.storage.home import Home, HomeError
from saas_platform_tests.end_to_end.command_line import command

NAMES = ["dbt", "dagster", "staging", "truth", "artefacts", "dashboard"]


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's project, which has folders with the names of ours."""
    folder = tmp_path / "project"
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "mine.txt").write_text("mine")
    (folder / "dagster" / "dagster.yaml").write_text("storage: {}")
    (folder / "source.db").write_text("mine")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SAAS_HOME", str(folder))
    return folder


@pytest.mark.parametrize("words", [["reset", "--yes"], ["run"], ["doctor"], ["sync"]])
def test_a_folder_of_somebody_else_is_refused_and_left_alone(
    project: Path, words: list[str]
) -> None:
    before = files(project)
    output = command(*words)
    assert output.code == (1 if words == ["doctor"] else 2)
    said = output.err + output.out
    assert "holds staging, truth, artefacts, dbt, dashboard, dagster, which" in said
    assert "set SAAS_HOME to a new folder" in said
    assert files(project) == before


def test_reset_deletes_no_file_of_a_folder_that_was_never_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source.db").write_text("mine")
    (tmp_path / "run.log").write_text("mine")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path))
    output = command("reset", "--yes")
    assert (output.code, output.out) == (0, "Nothing to drop.\n")
    assert files(tmp_path) == {"source.db": "mine", "run.log": "mine", "run.lock": ""}


def test_a_home_stays_one_whoever_used_it_first(tmp_path: Path) -> None:
    for name, mark in (
        ("command", "run.lock"),
        ("ui", "dagster/dagster.yaml"),
        ("definitions", "dbt/manifest-0123.json"),
    ):
        home = Home(tmp_path / name)
        assert not home.is_known
        path = home.root / mark
        path.parent.mkdir(parents=True)
        path.write_text("# Written by saas-platform.")
        home.frames.mkdir()
        assert home.is_known
        home.create()


def test_the_settings_of_dagster_alone_do_not_make_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.dagster.mkdir()
    (home.dagster / "dagster.yaml").write_text("storage: {}")
    with pytest.raises(HomeError, match="holds dagster, which saas-platform did not make"):
        home.create()
