"""Translate an error of Google's client into one sentence with the remedy.

Contains: the sentences, and which errors are temporary. Out of scope: sending requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.interface import WarehouseError, WarehouseUnusableError

_LOGIN = "`gcloud auth application-default login`"
#: Reasons for which BigQuery itself advises to try again.
_TRANSIENT = {"backendError", "internalError", "rateLimitExceeded", "jobRateLimitExceeded"}
_TRANSIENT_TYPES = (
    api.TooManyRequests,
    api.InternalServerError,
    api.BadGateway,
    api.ServiceUnavailable,
    api.GatewayTimeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    auth.TransportError,
)


def reasons(error: BaseException) -> set[str]:
    """Return BigQuery's own short names for the reasons of the error."""
    found = getattr(error, "errors", None) or ()
    return {each.get("reason", "") for each in found if isinstance(each, dict)}


def is_transient(error: BaseException) -> bool:
    """Return whether the error is temporary, so that another try may succeed."""
    return isinstance(error, _TRANSIENT_TYPES) or bool(reasons(error) & _TRANSIENT)


@contextmanager
def translate_errors(target: BigqueryTarget) -> Iterator[None]:
    """Within this context, raise every error of Google's clients as a WarehouseError."""
    try:
        yield
    except (
        api.GoogleAPICallError,
        api.RetryError,
        auth.GoogleAuthError,
        requests.exceptions.RequestException,
    ) as error:
        raise to_user_error(target, error) from error


def to_user_error(target: BigqueryTarget, error: Exception) -> WarehouseError:
    """Return the error to show for an error of Google's clients."""
    if isinstance(error, api.RetryError):
        cause = error.cause
        return to_user_error(target, cause) if isinstance(cause, Exception) else _answered(error)
    if isinstance(error, auth.GoogleAuthError):
        return _credentials(target, error)
    if isinstance(error, requests.exceptions.RequestException):
        where = target.emulator or "bigquery.googleapis.com"
        return WarehouseUnusableError(
            f"BigQuery does not answer at {where}: check the network and its proxy"
            f"{', and that the emulator runs' if target.emulator else ''}."
        )
    why, message = reasons(error), _message(error)
    if "bytesBilledLimitExceeded" in why:
        return WarehouseError(
            f"A query would bill more than {target.maximum_bytes_billed:,} bytes: raise"
            " maximum_bytes_billed in SAAS_WAREHOUSE_URL; `saas-platform run --dry-run` prints what"
            " each query would bill."
            if target.maximum_bytes_billed
            else "A query would bill more than the project allows: raise the project's custom quota."
        )
    if why & {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"} or isinstance(
        error, api.TooManyRequests
    ):
        return WarehouseError(
            f"The quota of project {target.project} is exceeded ({message}): wait until it is"
            " renewed, or have it raised under IAM & Admin, Quotas."
        )
    if "billingNotEnabled" in why or "billing has not been enabled" in message.casefold():
        return WarehouseUnusableError(
            f"Project {target.project} has no billing, and the sandbox allows no DML: enable billing"
            " for it."
        )
    if "accessNotConfigured" in why or "has not been used in project" in message:
        return WarehouseUnusableError(
            f"The BigQuery API is off in project {target.project}: switch it on with"
            f" `gcloud services enable bigquery.googleapis.com --project {target.project}`."
        )
    return _of_location_or_permission(target, error, message)


def _of_location_or_permission(
    target: BigqueryTarget, error: Exception, message: str
) -> WarehouseError:
    if isinstance(error, api.Unauthorized):
        return _credentials(target, error)
    if isinstance(error, api.Forbidden) and re.search(r"setCategory|get taxonomy", message, re.I):
        return WarehouseError(
            f"Columns with personal data can't be given their policy tags ({message}): grant your account"
            " bigquery.tables.setCategory and datacatalog.taxonomies.get, as policy_tags of"
            " deploy/terraform does, or leave policy_tag out of SAAS_WAREHOUSE_URL."
        )
    if isinstance(error, api.Forbidden) and "policy tag" in message.casefold():
        return WarehouseError(
            f"A column with personal data is closed to your account by its policy tag ({message}): grant"
            " it roles/datacatalog.categoryFineGrainedReader on the tag."
        )
    if isinstance(error, api.Forbidden):
        right = re.search(r"\b(?:bigquery|storage|datacatalog)\.\w+\.\w+", message)
        what = f"the permission {right[0]}" if right else "a permission"
        return WarehouseError(
            f"BigQuery refused, as your account lacks {what} ({message}): grant it roles/bigquery.jobUser"
            f" and roles/bigquery.readSessionUser on project {target.project}, and"
            " roles/bigquery.dataEditor there or on raw, marts and models"
            f"{_bucket_role(target)}."
        )
    if re.search(
        r"different (?:location|region)s?|locations? .*(?:mismatch|not match)", message, re.I
    ):
        return WarehouseError(
            f"The data to read and the tables to write are in different locations ({message}): set location"
            " in SAAS_WAREHOUSE_URL to that of the datasets, and choose a bucket there."
        )
    if re.search(
        r"(?:unknown|unrecognized|unsupported|invalid) (?:region|location)", message, re.I
    ):
        return WarehouseError(
            f"BigQuery knows no location {target.location}: name one such as EU, US or europe-west3 in"
            " SAAS_WAREHOUSE_URL."
        )
    if isinstance(error, api.NotFound):
        # The message for a missing dataset has the project's name, and this may contain the word "project".
        if re.match(r"(?:not found: )?(?:the )?project\b|invalid project", message, re.I):
            return WarehouseUnusableError(
                f"There is no project {target.project}, or you may not see it: correct"
                " SAAS_WAREHOUSE_URL, or ask for access to the project."
            )
        if "bucket" in message.casefold():
            return WarehouseError(
                f"The staging bucket of {target.staging} does not exist: create it in"
                f" {target.location}, or name another one in SAAS_WAREHOUSE_URL."
            )
        return WarehouseError(
            f"BigQuery does not find it in {target.location} ({message}): correct location in"
            " SAAS_WAREHOUSE_URL, or run `saas-platform run`, which creates what is missing."
        )
    if "concurrent update" in message or "concurrent transaction" in message:
        return WarehouseError(
            "Another process wrote to the same table of BigQuery meanwhile, and nothing was applied:"
            " let one sync run at a time, and run this one again."
        )
    return _answered(error)


def _credentials(target: BigqueryTarget, error: Exception) -> WarehouseError:
    if isinstance(error, auth.TransportError):
        return WarehouseUnusableError(
            "Google's servers for credentials do not answer: check the network and its proxy."
        )
    if isinstance(error, auth.DefaultCredentialsError):
        return WarehouseUnusableError(
            f"No usable Google credentials were found for project {target.project}: log in with"
            f" {_LOGIN}, or name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS."
        )
    return WarehouseUnusableError(
        f"Google does not accept the credentials, which are expired, revoked or of another kind:"
        f" log in again with {_LOGIN}, or make a new key for the service account."
    )


def _bucket_role(target: BigqueryTarget) -> str:
    return (
        f", and roles/storage.objectAdmin on the bucket of {target.staging}"
        if target.staging
        else ""
    )


def _message(error: Exception) -> str:
    """Return the server's message without the request and the job's id."""
    message = str(getattr(error, "message", "") or error)
    message = re.sub(r"^(?:GET|POST|PUT|PATCH|DELETE) \S+: ", "", message.strip())
    if message.startswith("{"):
        message = _of_upload(message)
    message = message.strip().splitlines()[0] if message.strip() else type(error).__name__
    message = re.split(r"; reason: |\s+Job ID: |, location: query", message)[0]
    return message.strip().rstrip(".").removeprefix("Access Denied: ")


def _of_upload(body: str) -> str:
    """Return the sentence in the answer to an upload, which Google's client passes on unparsed."""
    try:
        return str(json.JSONDecoder().raw_decode(body)[0]["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body


def _answered(error: Exception) -> WarehouseError:
    return WarehouseError(f"BigQuery answered: {_message(error)}.")
