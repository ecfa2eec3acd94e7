"""Tests that each wrong setting gives one sentence, which names the setting and a valid value."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.settings import Settings, SettingsError, load_settings

_REPOSITORY = Path(__file__).parent.parent


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SAAS_HOME")
    settings = load_settings()
    assert settings.home == tmp_path / ".saas"
    assert (settings.seed, settings.accounts, settings.start) == (7, 5000, Month(2024, 1))
    assert settings.as_of == date(2026, 1, 1)
    assert settings.last_month == Month(2025, 12)
    assert settings.source.database == str(tmp_path / ".saas" / "source.db")
    assert settings.warehouse.drivername == "duckdb"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SAAS_ACOUNTS", "3", "SAAS_ACOUNTS is not a setting: did you mean SAAS_ACCOUNTS?"),
        ("SAAS_XYZZY", "3", "SAAS_XYZZY is not a setting: the known settings are SAAS_HOME"),
        ("SAAS_ACCOUNTS", "many", "SAAS_ACCOUNTS is 'many': write a whole number."),
        ("SAAS_ACCOUNTS", "0", "SAAS_ACCOUNTS is '0': write a number of at least 1."),
        ("SAAS_DIRT", "much", "SAAS_DIRT is 'much': write a number."),
        ("SAAS_DIRT", "1.5", "SAAS_DIRT is '1.5': write a number of at most 1.0."),
        ("SAAS_DIRT", "-0.1", "SAAS_DIRT is '-0.1': write a number of at least 0.0."),
        ("SAAS_DIRT", "nan", "SAAS_DIRT is 'nan'"),
        ("SAAS_STEPS_AT_ONCE", "0", "SAAS_STEPS_AT_ONCE is '0': write a number of at least 1."),
        ("SAAS_STEPS_AT_ONCE", "2", "only one process can write to a DuckDB file: set it to 1"),
        ("SAAS_START", "2024", "write it as YYYY-MM"),
        ("SAAS_AS_OF", "tomorrow", "SAAS_AS_OF is 'tomorrow': write it as YYYY-MM-DD, or now"),
        ("SAAS_AS_OF", "2023-12-31", "is not later than the first day of SAAS_START 2024-01"),
        ("SAAS_SOURCE_URL", "secret-password", "SAAS_SOURCE_URL is not a URL"),
        ("SAAS_HASH_SALT", "secret-password", "SAAS_HASH_SALT is invalid: it needs at least 16"),
        ("SAAS_SOURCE_URL", "sqlite:///shop?v2.db", "write %3F for a `?` in the name of the file"),
    ],
)
def test_wrong_settings(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret-password" not in str(raised.value)


def test_the_salt_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Platform.load().hash_salt == ""
    monkeypatch.setenv("SAAS_HASH_SALT", "sixteen-letters!")
    assert Platform.load().hash_salt == "sixteen-letters!"
    assert "sixteen" not in repr(load_settings())


def test_dotenv_is_read_and_its_unknown_names_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SAAS_SEED=11\n")
    assert load_settings().seed == 11
    (tmp_path / ".env").write_text("SAAS_SEEED=11\n")
    with pytest.raises(SettingsError, match="did you mean SAAS_SEED"):
        load_settings()


def test_clock_now_is_the_last_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_AS_OF", "now")
    as_of = load_settings().clock.as_of
    assert as_of.time() == datetime.min.time()
    assert as_of <= datetime.now()


def test_months_outside_the_window_are_refused() -> None:
    settings = load_settings()
    assert settings.check_month(Month(2024, 1)) == Month(2024, 1)
    for month in (Month(2023, 12), Month(2026, 1)):
        with pytest.raises(SettingsError, match="outside the company's window, 2024-01 to 2025-12"):
            settings.check_month(month)


def test_dirt_changes_the_company_name_and_no_dirt_keeps_it() -> None:
    names = [Platform(Settings(_env_file=None, dirt=d)).company_name for d in (0, 0.25, 0.5)]
    assert len(set(names)) == 3
    assert names[0] == Platform(Settings(_env_file=None)).company_name
    assert names[0] == names[1].removesuffix(", dirt 0.25")


def test_env_example_documents_every_setting_with_its_default() -> None:
    text = (_REPOSITORY / ".env.example").read_text()
    documented = dict(re.findall(r"^(SAAS_\w+)=(.*)$", text, flags=re.MULTILINE))
    assert set(documented) == {f"SAAS_{name.upper()}" for name in Settings.model_fields}


def test_env_example_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SAAS_HOME")
    plain = load_settings()
    (tmp_path / ".env").write_text((_REPOSITORY / ".env.example").read_text())
    assert load_settings() == plain


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_home_is_the_default_and_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAAS_HOME", raising=False)
    (tmp_path / ".env").write_text(f"SAAS_HOME={blank}\n")
    assert load_settings().home == tmp_path / ".saas"
    monkeypatch.setenv("SAAS_HOME", "")
    assert load_settings().home == tmp_path / ".saas"


def test_bigquery_without_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> None:
        assert name == "dagster_gcp"

    monkeypatch.setattr("saas_platform.platform.find_spec", not_installed)
    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme")
    platform = Platform.load()
    for part in ("warehouse", "bigquery", "marts_target"):
        with pytest.raises(
            SettingsError, match=r"BigQuery.*`pip install 'saas-platform\[bigquery\]'`"
        ):
            getattr(platform, part)
