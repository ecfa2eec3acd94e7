"""Find Microsoft's ODBC driver: that of the system, or else that of the wheel `mssql-python-odbc`.

Out of scope: connecting with it.

No counterpart in SQLite: its driver is a Python package that contains the engine.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from saas_platform.source.interface import SourceError

#: Debian packages that the wheel's driver needs; every ODBC program needs the first.
LIBRARIES = "libodbc2 libltdl7 libkrb5-3 libgssapi-krb5-2"
_INSTALL = (
    "`pip install 'saas-platform[mssql]'`, which carries one, or Microsoft's own from its package"
    " source: Debian `apt-get install msodbcsql18`, Red Hat `dnf install msodbcsql18`, macOS"
    " `brew install msodbcsql18`"
)
_NAME = re.compile(r"ODBC Driver (\d+) for SQL Server")
_FILE = re.compile(r"(lib)?msodbcsql[-.\d]*(\.so|\.dylib)[.\d]*")
#: The wheel's name for each system in /etc/os-release; a system that is not listed uses the first.
_FAMILIES = {
    "debian": "debian_ubuntu",
    "ubuntu": "debian_ubuntu",
    "rhel": "rhel",
    "fedora": "rhel",
    "suse": "suse",
    "alpine": "alpine",
}
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


def load_pyodbc() -> ModuleType:
    """Return pyodbc. Raises SourceError if the ODBC driver manager that it needs is missing."""
    try:
        import pyodbc
    except ImportError as error:
        raise SourceError(
            f"pyodbc can't be loaded ({error}): install the ODBC driver manager: Debian"
            f" `apt-get install {LIBRARIES}`, Red Hat `dnf install unixODBC`, macOS"
            " `brew install unixodbc`."
        ) from error
    # Pooled connections would carry isolation levels and locks from one use to the next.
    pyodbc.pooling = False
    return pyodbc


def find_driver() -> str:
    """Return the name or path of Microsoft's driver, for the `DRIVER` of an ODBC connection string.

    Raises:
        SourceError: there is none; the message says how to install it.
    """
    found = newest(load_pyodbc().drivers()) or _of_wheel()
    if found is None:
        raise SourceError(
            f"Microsoft's ODBC driver for SQL Server is not installed: install it by {_INSTALL}."
        )
    return found


def is_microsofts(name: str) -> bool:
    """Return whether a name or path is that of Microsoft's driver."""
    return bool(_NAME.fullmatch(name) or _FILE.fullmatch(Path(name).name))


def check_driver(name: str) -> None:
    """Raise SourceError if the named driver is not installed. The driver manager checks a path itself."""
    installed = load_pyodbc().drivers()
    if "/" in name or "\\" in name or name in installed:
        return
    there = ", ".join(installed) or "none"
    raise SourceError(
        f"SAAS_SOURCE_URL names the ODBC driver {name}, which is not installed: name one that is ({there}),"
        " or leave `driver` out to use Microsoft's."
    )


def newest(names: Iterable[str]) -> str | None:
    """Return the newest of Microsoft's drivers. Others, such as FreeTDS, can't load in bulk.

    >>> newest(["FreeTDS", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server"])
    'ODBC Driver 18 for SQL Server'
    """
    ours = {int(match[1]): name for name in names if (match := _NAME.fullmatch(name))}
    return ours[max(ours)] if ours else None


def _of_wheel() -> str | None:
    spec = find_spec("mssql_python_odbc")
    if spec is None or spec.origin is None:
        return None
    files = (Path(spec.origin).parent / "libs").rglob("*msodbcsql*")
    fitting = [path for path in sorted(files) if _FILE.fullmatch(path.name) and _fits(path)]
    family = _family()
    fitting.sort(key=lambda path: family not in path.parts)
    return str(fitting[0]) if fitting else None


def _fits(path: Path) -> bool:
    machine = platform.machine().lower()
    system = "macos" if platform.system() == "Darwin" else platform.system().lower()
    return (
        system in path.parts and {machine, _MACHINES.get(machine, machine)} & {*path.parts} > set()
    )


def _family() -> str | None:
    try:
        release = platform.freedesktop_os_release()
    except OSError:  # not Linux, or a Linux without the file
        return None
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((_FAMILIES[name] for name in names if name in _FAMILIES), None)
