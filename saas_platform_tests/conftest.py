"""Fixtures for all tests: none of them sees the settings of the person who runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home of its own for each test, and no `.env`."""
    for name in list(os.environ):
        if name.startswith("SAAS_") and not name.startswith("SAAS_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
