"""Test that each error of Google's client becomes one sentence with the remedy."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from saas_platform.warehouse.bigquery.errors import to_user_error
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform_tests.warehouse.google import TARGET, answered, uploaded


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            auth.DefaultCredentialsError("Your default credentials were not found."),
            "No usable Google credentials were found for project acme: log in with `gcloud auth",
        ),
        (
            auth.RefreshError("invalid_grant: Token has been expired or revoked."),
            "expired, revoked or of another kind: log in again with `gcloud auth",
        ),
        (answered(api.Unauthorized, "Invalid Credentials", "authError"), "log in again"),
        (auth.TransportError("no route"), "do not answer: check the network"),
        (
            requests.exceptions.ConnectionError("refused"),
            "does not answer at bigquery.googleapis.com",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: Project acme: User does not have bigquery.jobs.create permission in"
                " project acme.",
                "accessDenied",
            ),
            "as your account lacks the permission bigquery.jobs.create",
        ),
        (
            answered(api.Forbidden, "caller@acme does not have storage.objects.create access"),
            "roles/storage.objectAdmin on the bucket of gs://acme-staging/loads",
        ),
        (
            answered(
                api.Forbidden,
                "request failed: the user does not have 'bigquery.readsessions.create' permission",
            ),
            "roles/bigquery.readSessionUser on project acme",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: BigQuery BigQuery: User has neither fine-grained reader nor masked get"
                " permission to get data protected by policy tag 'acme : email' on column raw.users.email.",
            ),
            "closed to your account by its policy tag",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: Table acme:raw.users: Permission bigquery.tables.setCategory denied on"
                " table acme:raw.users (or it may not exist).",
            ),
            "grant your account bigquery.tables.setCategory and datacatalog.taxonomies.get",
        ),
        (
            answered(api.Forbidden, "Quota exceeded: Your project exceeded quota", "quotaExceeded"),
            "The quota of project acme is exceeded",
        ),
        (
            answered(api.TooManyRequests, "slow down", "rateLimitExceeded"),
            "wait until it is renewed",
        ),
        (
            answered(
                api.BadRequest, "Query exceeded limit for bytes billed", "bytesBilledLimitExceeded"
            ),
            "raise the project's custom quota",
        ),
        (
            answered(
                api.BadRequest,
                "Cannot read and write in different locations: source: US, destination: EU",
                "invalid",
            ),
            "in different locations (Cannot read and write",
        ),
        (
            answered(api.BadRequest, "Invalid region: moon"),
            "knows no location EU: name one such as",
        ),
        (answered(api.NotFound, "Not found: Project acme", "notFound"), "There is no project acme"),
        (
            answered(api.NotFound, "The specified bucket does not exist."),
            "The staging bucket of gs://acme-staging/loads does not exist: create it in EU",
        ),
        (
            uploaded(404, "The specified bucket does not exist."),
            "The staging bucket of gs://acme-staging/loads does not exist: create it in EU",
        ),
        (
            uploaded(403, "me@acme does not have storage.objects.create access to the bucket."),
            "as your account lacks the permission storage.objects.create (me@acme does not have",
        ),
        (
            answered(
                api.NotFound, "Not found: Dataset my-project:raw was not found in location EU"
            ),
            "BigQuery does not find it in EU (Not found: Dataset my-project:raw",
        ),
        (
            answered(api.Forbidden, "BigQuery API has not been used in project acme before"),
            "gcloud services enable bigquery.googleapis.com",
        ),
        (
            answered(
                api.Forbidden, "Billing has not been enabled for this project", "billingNotEnabled"
            ),
            "enable billing",
        ),
        (
            answered(
                api.BadRequest,
                "Transaction is aborted due to concurrent update against table acme:raw.x",
            ),
            "nothing was applied: let one sync run at a time",
        ),
        (api.RetryError("Timeout", cause=auth.RefreshError("gone")), "log in again"),
        (
            answered(
                api.BadRequest, "POST http://h/p: Syntax error: at [1:7]; reason: x\nJob ID: 7"
            ),
            "BigQuery answered: Syntax error: at [1:7].",
        ),
    ],
)
def test_an_error_of_google_becomes_one_sentence_with_the_remedy(
    error: Exception, expected: str
) -> None:
    message = str(to_user_error(TARGET, error))
    assert expected in message
    assert "\n" not in message


def test_the_limit_that_a_query_would_exceed_is_named() -> None:
    target = BigqueryTarget("acme", maximum_bytes_billed=1_000_000)
    error = answered(api.BadRequest, "exceeded", "bytesBilledLimitExceeded")
    assert "would bill more than 1,000,000 bytes: raise maximum_bytes_billed" in str(
        to_user_error(target, error)
    )
