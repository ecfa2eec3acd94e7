"""URLs become connection strings that are safe by default, and no text contains the password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlSource, connection, driver
from saas_platform.source.mssql.address import Address, parse, render

URL = "mssql+pyodbc://me:p%40ss%3Bw}ord@db.example:1433/company"


def address(url: str) -> Address:
    return Address.of(sa.make_url(url))


def test_encryption_is_on_and_certificates_are_verified() -> None:
    options = address(URL).options
    assert options["encrypt"] == "yes"
    assert "trustservercertificate" not in options
    assert (options["server"], options["database"]) == ("db.example,1433", "company")
    assert (options["uid"], options["pwd"]) == ("me", "p@ss;w}ord")


def test_the_url_overrides_the_defaults() -> None:
    options = address(f"{URL}?Encrypt=strict&TrustServerCertificate=yes&schema=sales").options
    assert (options["encrypt"], options["trustservercertificate"]) == ("strict", "yes")
    assert "schema" not in options
    assert address(f"{URL}?schema=sales").schema == "sales"


def test_a_whole_connection_string_is_taken_and_encrypted_too() -> None:
    options = address("mssql+pyodbc://?odbc_connect=DSN%3Dsales%3BUID%3Dme%3BPWD%3Dx").options
    assert options == {"encrypt": "yes", "dsn": "sales", "uid": "me", "pwd": "x"}


def test_without_a_user_name_the_login_is_the_systems() -> None:
    assert address("mssql://db.example/company").options["trusted_connection"] == "yes"
    by_entra = address("mssql://db.example/company?authentication=ActiveDirectoryDefault").options
    assert "trusted_connection" not in by_entra


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mssql+pymssql://me@db.example/company", r"begins with mssql\+pymssql: write it as"),
        ("mssql+pyodbc://me:secret@db.example", "names no database: write it as"),
        (f"{URL}?encrypt=yes&encrypt=no", "says encrypt more than once"),
        *(
            (url, "sets MARS_Connection, which ends a transaction with its batch: leave it out")
            for url in (
                f"{URL}?MARS_Connection=yes",
                f"{URL}?mars_connection=True",
                f"{URL}?Mars_Connection=1",
                "mssql+pyodbc://?odbc_connect=DSN%3Dsales%3BPWD%3Dsecret%3BMARS_Connection%3DYES",
            )
        ),
    ],
)
def test_a_url_that_can_not_be_used_is_one_sentence(url: str, expected: str) -> None:
    with pytest.raises(SourceError, match=expected) as raised:
        address(url)
    assert "secret" not in str(raised.value)


def test_no_text_of_it_has_the_password() -> None:
    assert address(URL).label == "SQL Server db.example,1433, database company"
    assert "ord" not in repr(address(URL)).replace("password", "")


def test_mssql_python_is_given_what_it_knows_or_is_not_asked() -> None:
    text = address(URL).for_mssql_python()
    assert text is not None
    assert parse(text)["packetsize"] == "8192"
    assert "driver" not in parse(text)
    assert address(f"{URL}?QuotedId=yes").for_mssql_python() is None
    text = address(f"{URL}?ApplicationIntent=ReadOnly").for_mssql_python()
    assert text is not None
    assert parse(text)["applicationintent"] == "ReadOnly"
    assert address(f"{URL}?MARS_Connection=no").options["mars_connection"] == "no"


class _Drivers:
    @staticmethod
    def drivers() -> list[str]:
        return ["FreeTDS", "ODBC Driver 18 for SQL Server"]


def test_a_driver_of_the_urls_is_taken_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "load_pyodbc", lambda: _Drivers)
    for name in ("FreeTDS", "/opt/libmine.so"):
        assert parse(address(f"{URL}?driver={name}").for_pyodbc())["driver"] == name
    with pytest.raises(
        SourceError, match=r"names the ODBC driver Nope, which is not inst"
    ) as raised:
        address(f"{URL}?driver=Nope").for_pyodbc()
    assert "FreeTDS, ODBC Driver 18 for SQL Server" in str(raised.value)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("Encrpt=no", "an option encrpt that no driver knows: write encrypt if you meant that"),
        ("TrustServerCertficate=yes", "write trustservercertificate if you meant that"),
        ("shema=dbo", "an option shema that no driver knows: write schema if you meant that"),
        ("row_securty=visible", "write row_security if you meant that"),
        ("whatever=1", "an option whatever that Microsoft's driver does not know: leave it out"),
        ("driver=FreeTDS&Encrpt=no", "write encrypt if you meant that"),
        ("row_security=all", "says row_security=all: write row_security=visible"),
    ],
)
def test_an_unknown_option_is_refused(option: str, expected: str) -> None:
    with pytest.raises(SourceError, match=expected):
        address(f"{URL}?{option}")


OF_FREETDS = "TDS_Version=7.4;Servername=x;Encryption=require;Port=1433;ClientCharset=UTF-8"


def test_options_of_other_drivers_are_theirs() -> None:
    for text in (f"Driver=FreeTDS;Database=d;{OF_FREETDS}", f"DSN=sales;{OF_FREETDS}"):
        url = sa.URL.create("mssql+pyodbc", query={"odbc_connect": text})
        assert Address.of(url).options["tds_version"] == "7.4"
        assert Address.of(url).options["servername"] == "x"
    assert address(f"{URL}?driver=FreeTDS&Servername=x").options["servername"] == "x"
    for name in ("Encrpt", "TrustServerCertficate"):
        url = sa.URL.create("mssql+pyodbc", query={"odbc_connect": f"DSN=sales;{name}=yes"})
        with pytest.raises(SourceError, match="that no driver knows"):
            Address.of(url)


class _Connecting:
    """Stubs of pyodbc and mssql-python, which record the connections that they are asked to open."""

    pooling: Any = None

    def __init__(self) -> None:
        self.opened: list[dict[str, str]] = []

    def drivers(self) -> list[str]:
        return ["FreeTDS", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"]

    def connect(self, text: str, **_: Any) -> str:
        self.opened.append(parse(text))
        return "a connection"


def test_a_driver_of_the_urls_is_the_one_that_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """mssql-python has its own driver and would silently ignore the name."""
    by_pyodbc, ours = _Connecting(), _Connecting()
    monkeypatch.setattr(driver, "load_pyodbc", lambda: by_pyodbc)
    monkeypatch.setattr(connection, "load_pyodbc", lambda: by_pyodbc)
    monkeypatch.setattr(connection, "mssql_python", lambda: ours)
    named = address(f"{URL}?driver=ODBC Driver 17 for SQL Server")
    assert named.for_mssql_python() is None
    connection._open(named, arrow=True)
    assert [each["driver"] for each in by_pyodbc.opened] == ["ODBC Driver 17 for SQL Server"]
    with pytest.raises(SourceError, match=r"names the ODBC driver Nope.*FreeTDS, ODBC Driver 17"):
        connection._open(address(f"{URL}?driver=Nope"), arrow=True)
    assert ours.opened == []
    connection._open(address(URL), arrow=True)
    assert len(ours.opened) == 1


def test_schemas_and_security_policies_are_set_in_the_url() -> None:
    assert address(f"{URL}?schema=dbo,%20sales").schemas == ["dbo", "sales"]
    assert address(f"{URL}?schema=*").schemas == ["*"]
    assert address(URL).schemas == []
    seen = address(f"{URL}?row_security=visible")
    assert seen.rows_as_seen
    assert "row_security" not in seen.options
    assert not address(URL).rows_as_seen
    for several in ("dbo,sales", "*"):
        with pytest.raises(
            SourceError, match="the company lives in a single schema: name that one"
        ):
            MssqlSource(address(f"{URL}?schema={several}"))


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z ]{0,8}[a-z]", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    )
)
def test_any_value_survives_a_connection_string(options: dict[str, str]) -> None:
    assert parse(render(options)) == options


def test_the_newest_of_microsofts_drivers_is_taken() -> None:
    names = ["FreeTDS", "ODBC Driver 9 for SQL Server", "ODBC Driver 18 for SQL Server", "SQLite3"]
    assert driver.newest(names) == "ODBC Driver 18 for SQL Server"
    assert driver.newest(["FreeTDS"]) is None


class _NoDrivers:
    pooling = True

    @staticmethod
    def drivers() -> list[str]:
        return []


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with drivers for several systems, on a system without a driver of its own."""
    package = tmp_path / "mssql_python_odbc"
    for place, name in (
        ("linux/debian_ubuntu/x86_64/lib", "libmsodbcsql-18.6.so.2.1"),
        ("linux/debian_ubuntu/arm64/lib", "libmsodbcsql-18.6.so.2.1"),
        ("linux/rhel/x86_64/lib", "libmsodbcsql-18.6.so.2.1"),
        ("macos/arm64/lib", "libmsodbcsql.18.dylib"),
    ):
        folder = package / "libs" / place
        folder.mkdir(parents=True)
        (folder / name).touch()
        (folder / "msodbcsqlr18.rll").touch()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(driver, "load_pyodbc", lambda: _NoDrivers)
    return package / "libs"


@pytest.mark.parametrize(
    ("system", "machine", "release", "found"),
    [
        ("Linux", "x86_64", {"ID": "debian"}, "linux/debian_ubuntu/x86_64"),
        ("Linux", "aarch64", {"ID": "ubuntu"}, "linux/debian_ubuntu/arm64"),
        ("Linux", "x86_64", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "linux/rhel/x86_64"),
        ("Darwin", "arm64", {}, "macos/arm64"),
    ],
)
def test_the_wheels_driver_fits_the_machine(
    wheel: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    release: dict[str, str],
    found: str,
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    assert Path(driver.find_driver()).is_relative_to(wheel / found)


def test_a_missing_driver_is_reported_with_how_to_install_it(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SourceError, match="is not installed: install it by") as raised:
        driver.find_driver()
    for way in ("pip install", "apt-get install", "dnf install", "brew install"):
        assert way in str(raised.value)
