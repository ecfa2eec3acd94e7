"""Fixtures for all tests: none of them sees the settings of the person who runs them."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.dbt_runner import manifest
from saas_platform.dbt_runner.target import MartsTarget
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse
from saas_platform_tests.drawing import chance, choose_seed
from saas_platform_tests.emulator.server import emulator
from saas_platform_tests.workers import ByFixture, place, shared_folder

_projects = itertools.count(1)
#: How many cases `make test` runs of a test that has the mark `few`.
_FEW = 2
#: Fixtures that take longer than most files of tests. What needs them is slow.
_LONG_FIXTURES = frozenset({"companies", "sources"})


def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis, and everything else that draws, use the seed of this run."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(choose_seed())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order, and mark as slow what needs a long fixture, and most cases of what has the mark `few`."""
    items.sort(key=lambda item: place(item.nodeid))
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if not _LONG_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("few"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, cases in tests.items():
        chosen = chance(name).sample(cases, min(_FEW, len(cases)))
        for case in cases:
            if case not in chosen:
                case.add_marker(pytest.mark.slow)


def pytest_report_header() -> str:
    """Return a line for the header of the run."""
    return f"random cases: SAAS_TEST_SEED={choose_seed()} draws the same ones again"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home of its own for each test, and no `.env`."""
    for name in list(os.environ):
        if name.startswith("SAAS_") and not name.startswith("SAAS_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one worker run the tests of a file, or of a folder whose tests all need a fixture that takes long."""
    return ByFixture(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def _parse_dbt_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let dbt parse the project once for all the homes of a run. A parse takes seconds."""
    parse, kept = manifest.run, shared_folder(tmp_path_factory)

    def run(target: MartsTarget, arguments: Sequence[str]) -> Any:
        made = Path(arguments[arguments.index("--target-path") + 1])
        of_project = kept / manifest.digest(target)
        if not of_project.exists():
            parse(target, arguments)
            with tempfile.TemporaryDirectory(dir=kept) as scratch:
                copy = shutil.copytree(made, Path(scratch) / "parsed")
                # The other worker may have been faster.
                with suppress(OSError):
                    copy.rename(of_project)
        shutil.copytree(of_project, made, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "run", run)
        yield


@pytest.fixture(scope="session")
def bigquery_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a BigQuery emulator."""
    with emulator(tmp_path_factory.mktemp("emulator")) as address:
        yield address


#: The real one only where a project is named: a skipped test for each would hide the emulator's gaps.
_REAL = os.environ.get("SAAS_TEST_BIGQUERY_PROJECT", "")
BIGQUERY_ENGINES = [
    pytest.param("emulator", marks=pytest.mark.slow),
    *([pytest.param("bigquery", marks=pytest.mark.slow)] if _REAL else []),
]
_ENGINES = ["duckdb", *BIGQUERY_ENGINES]


@pytest.fixture(params=_ENGINES)
def any_warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse of each engine; of BigQuery an emulated one, and a real one where it is named.

    `SAAS_TEST_BIGQUERY_PROJECT` names a project, or is the whole URL. Its datasets raw, marts and models
    must be none but those of earlier tests, and are dropped.
    """
    if request.param == "duckdb":
        yield DuckdbWarehouse(tmp_path / "warehouse.duckdb", wait_seconds=2)
        return
    # Imported late: Google's client takes a second, and most tests need none of it.
    from saas_platform.warehouse.bigquery.target import BigqueryTarget
    from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse

    if request.param == "emulator":
        address = request.getfixturevalue("bigquery_emulator")
        yield BigqueryWarehouse(BigqueryTarget(f"project{next(_projects)}", "EU", emulator=address))
    else:
        url = _REAL if "://" in _REAL else f"bigquery://{_REAL}?location=EU"
        warehouse = BigqueryWarehouse(BigqueryTarget.of(sa.make_url(url)))
        warehouse.drop()
        yield warehouse
        warehouse.drop()
