"""The fingerprint of everything that decides how a build ends, and that of code that changes while a process lives."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saas_platform.refresh import code
from saas_platform.refresh.attempts import attempts
from saas_platform.refresh.code import python_code
from saas_platform.refresh.products import Product

STAGING, OTHER, MART, PAGE = (
    Product("marts/stg_a", "1", frozenset(["raw/a"]), tests="t", tested_with=frozenset(["raw/a"])),
    Product("marts/stg_b", "2", frozenset(["raw/b"])),
    Product("marts/mart", "3", frozenset(["marts/stg_a"]), tested_with=frozenset(["marts/stg_b"])),
    Product("dashboards/page", "4", frozenset(["marts/mart", "clock"])),
)
GIVEN = {"raw/a": "x", "raw/b": "y", "clock": "2024"}


def changed(*products: Product, **given: str) -> set[str]:
    """Return the products whose attempt is another with these products and versions."""
    every = {each.name: each for each in (STAGING, OTHER, MART, PAGE)}
    before = attempts(every, GIVEN)
    now = attempts(
        {**every, **{each.name: each for each in products}},
        {**GIVEN, **{name.replace("_", "/"): version for name, version in given.items()}},
    )
    assert now.keys() == before.keys()
    return {name for name in now if now[name] != before[name]}


def test_nothing_has_changed() -> None:
    assert changed() == set()


def test_code_and_tests_concern_what_is_built_from_it() -> None:
    assert changed(replace(STAGING, code="9")) == {"marts/stg_a", "marts/mart", "dashboards/page"}
    assert changed(replace(STAGING, tests="9")) == {"marts/stg_a", "marts/mart", "dashboards/page"}


def test_a_table_and_the_clock_concern_what_is_built_from_them() -> None:
    assert changed(raw_a="9") == {"marts/stg_a", "marts/mart", "dashboards/page"}
    assert changed(clock="9") == {"dashboards/page"}


def test_a_test_fails_by_whatever_it_reads() -> None:
    """The mart is not built from `stg_b`. A test that reads both may have failed by it."""
    assert changed(raw_b="9") == {"marts/stg_b", "marts/mart"}


def test_a_process_that_lives_long_sees_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "saas_platform"
    shutil.copytree(Path(code.__file__).parents[1], package, ignore=lambda *_: {"marts"})
    monkeypatch.setattr(code, "_PACKAGE", package)
    monkeypatch.setattr(code, "PROJECT_DIR", tmp_path)
    before = python_code("saas_platform.trained_models.churn")
    assert python_code("saas_platform.trained_models.churn") == before
    with (package / "trained_models" / "churn.py").open("a") as file:
        file.write("# a comment\n")
    assert python_code("saas_platform.trained_models.churn") != before
    for days in (1, 2):
        (tmp_path / "dbt_project.yml").write_text(f"vars: {{days: {days}}}\n")
        assert code._variables() == {"days": days}
