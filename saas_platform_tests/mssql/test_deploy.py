"""The parts of a deployment fit together: containers, scripts, and the URL that decides the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from saas_platform.platform import Platform
from saas_platform.settings import SettingsError
from saas_platform.source.mssql import MssqlDatabase, MssqlSource

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def test_the_url_decides_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_SOURCE_URL", "mssql+pyodbc://me:x@db.example/company?schema=sales")
    source = Platform.load().source
    assert isinstance(source, MssqlSource)
    assert source.schema == "sales"
    assert isinstance(Platform.load().database, MssqlDatabase)
    monkeypatch.setenv("SAAS_SOURCE_URL", "mysql://me:secret@db.example/company")
    with pytest.raises(SettingsError, match=r"names mysql.*use sqlite:///FILE, or mssql") as raised:
        Platform.load().source  # noqa: B018
    assert "secret" not in str(raised.value)


def test_the_containers_wait_for_each_other_and_sa_stays_with_the_one_that_prepares() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["mssql"]["healthcheck"]
    assert services["mssql"]["ports"] == ["127.0.0.1:${MSSQL_PORT:-1433}:1433"]
    assert services["prepare"]["depends_on"]["mssql"] == {"condition": "service_healthy"}
    assert services["platform"]["depends_on"]["prepare"] == {
        "condition": "service_completed_successfully"
    }
    assert "SA_PASSWORD" not in str(services["platform"])
    for script in re.findall(r"/scripts/(\S+\.sql)", str(services["prepare"])):
        assert (DEPLOY / "mssql" / script).exists()


def test_the_image_is_built_from_what_is_there_and_not_as_root() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    taken = set((DEPLOY / "Dockerfile.dockerignore").read_text().split())
    for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists()
            assert f"!{name.removeprefix('./')}" in taken
    assert dockerfile.index("USER saas") < dockerfile.index("ENTRYPOINT")
