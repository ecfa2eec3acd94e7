"""Test that a URL names a BigQuery project with its options."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.interface import WarehouseError
from saas_platform_tests.warehouse.google import TAG


def test_the_url_sets_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    url = sa.make_url(
        "bigquery://acme?location=europe-west3&staging=gs://bucket/a/b&maximum_bytes_billed=1000&first_load=days"
        f"&policy_tag={TAG}&policy_tag.email={TAG}9"
    )
    assert BigqueryTarget.of(url) == BigqueryTarget(
        "acme",
        "europe-west3",
        "gs://bucket/a/b",
        1000,
        True,
        {"": TAG, "email": f"{TAG}9"},
        "http://127.0.0.1:1",
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("bigquery://", "names no project: write it as bigquery://PROJECT"),
        ("bigquery://acme/raw", "names a dataset: write it as"),
        ("bigquery://acme?loc=EU", "has loc, which is none of location, staging"),
        (
            "bigquery://acme?staging=s3://x",
            "staging in SAAS_WAREHOUSE_URL is s3://x: write it as gs",
        ),
        ("bigquery://acme?maximum_bytes_billed=1e9", "is 1e9: write a whole number of bytes"),
        ("bigquery://acme?maximum_bytes_billed=0", "is 0: write a whole number of bytes"),
        ("bigquery://acme?first_load=fast", "first_load in SAAS_WAREHOUSE_URL is fast: write days"),
        ("bigquery://acme?policy_tag=secret", "is secret: write the tag's resource name"),
        (
            f"bigquery://acme?policy_tag.shoe={TAG}",
            "has policy_tag.shoe: the kinds of personal data are",
        ),
    ],
)
def test_a_wrong_url_is_reported_in_one_sentence(url: str, expected: str) -> None:
    with pytest.raises(WarehouseError) as caught:
        BigqueryTarget.of(sa.make_url(url))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
