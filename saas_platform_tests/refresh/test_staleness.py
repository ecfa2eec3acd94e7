"""The cause for which a product is stale, by what was recorded of its last build."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from saas_platform.refresh.builds import Build
from saas_platform.refresh.products import Product
from saas_platform.refresh.staleness import Cause, _cause

MART = Product("marts/mart", "its code", frozenset(["raw/a", "marts/stg"]))
BUILT = Build.now("marts/mart", "its code", {"raw/a": "1", "marts/stg": "2"}, "v", "its state")
VERSIONS = {"raw/a": "1", "marts/stg": "2"}


def kind(build: Build | None = BUILT, state: str | None = "its state", **changes: object) -> str:
    """Return the kind of the cause; an empty text if the mart is up to date."""
    product = replace(MART, code=str(changes.get("code", MART.code)))
    versions = {**VERSIONS, "raw/a": str(changes.get("version", "1"))}
    below = {"marts/stg": Cause("is missing", "gone")} if "below" in changes else {}
    found = _cause(product, build, state, versions, below)
    return found.kind if found else ""


def test_each_cause_is_seen() -> None:
    assert kind() == ""
    assert kind(build=None) == "unbuilt"
    assert kind(state=None) == "gone"
    assert kind(state="another") == "gone"
    assert kind(code="another") == "code"
    assert kind(version="another") == "inputs"
    assert kind(below=True) == "inputs"


@pytest.mark.parametrize("version", ["1", "2"])
def test_only_another_version_of_an_input_counts(version: str) -> None:
    assert json.loads(BUILT.inputs)["raw/a"] == "1"
    assert (kind(version=version) == "inputs") == (version != "1")
