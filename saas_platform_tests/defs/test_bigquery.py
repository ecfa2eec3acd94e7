"""The warehouse of a run uses the client of dagster-gcp's resource, as your own assets can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import google.auth
import pytest
from dagster_gcp import BigQueryResource
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform

URL = "bigquery://acme?location=europe-west3"


@pytest.fixture
def definitions(platform_of: Callable[..., Platform]) -> Callable[[str], dg.Definitions]:
    return lambda url: build_definitions(platform_of(warehouse_url=url, synthetic=False))


def client_of(definitions: dg.Definitions) -> Any:
    """Return the client of the warehouse that the assets get."""
    with dg.build_resources({"warehouse": (definitions.resources or {})["warehouse"]}) as made:
        return made.warehouse.open()._bare.client


@pytest.mark.slow
def test_the_warehouse_takes_its_client_from_the_resource(
    definitions: Callable[[str], dg.Definitions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    asked: list[str] = []

    def credentials(**_: Any) -> tuple[AnonymousCredentials, str]:
        asked.append("credentials")
        return AnonymousCredentials(), "not-this-project"

    # Only the credentials are patched, not the client's class: dbt may be imported here for the first time
    # and would keep a patched class.
    monkeypatch.setattr(google.auth, "default", credentials)
    made = definitions(URL)
    assert isinstance((made.resources or {})["bigquery"], BigQueryResource)
    assert asked == []  # nothing is opened before it is needed
    client = client_of(made)
    assert asked == ["credentials"]
    assert isinstance(client, bigquery.Client)
    assert (client.project, client.location) == ("acme", "europe-west3")


@pytest.mark.slow
def test_the_bookkeeping_takes_its_client_from_the_resource_too(
    definitions: Callable[[str], dg.Definitions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")
    resources = {"it": (definitions(URL).resources or {})["bookkeeping"]}
    with dg.build_resources(resources) as made:
        assert made.it.platform.bigquery_client is not None
        assert isinstance(made.it.platform.bigquery_client()._credentials, AnonymousCredentials)


@pytest.mark.slow
def test_without_a_location_the_default_of_the_datasets_is_used(
    definitions: Callable[[str], dg.Definitions],
) -> None:
    resource = (definitions("bigquery://acme").resources or {})["bigquery"]
    assert isinstance(resource, BigQueryResource)
    assert resource.location == "US"


@pytest.mark.slow
def test_an_emulator_needs_no_credentials(
    definitions: Callable[[str], dg.Definitions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")
    client = client_of(definitions(URL))
    assert isinstance(client._credentials, AnonymousCredentials)
    assert client._connection.API_BASE_URL == "http://127.0.0.1:9050"
    assert (client.project, client.location) == ("acme", "europe-west3")


def test_another_warehouse_has_no_such_resource(
    definitions: Callable[[str], dg.Definitions],
) -> None:
    assert "bigquery" not in (definitions("duckdb:///elsewhere/warehouse.duckdb").resources or {})
