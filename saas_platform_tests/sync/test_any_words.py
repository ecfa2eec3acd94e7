"""Test that a report shows a value of any type by its literal, once quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform.sync import sentences
from saas_platform_tests.judge.own import Own


@pytest.mark.parametrize(
    ("value", "shown"), [("x''", "X''"), ("'it''s'", "'it''s'"), ("1", "1"), ("NULL", "NULL")]
)
def test_a_value_of_any_type(tmp_path: Path, value: str, shown: str) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (0, 1), (1, 'x'), (2, 2.5);"
        f"INSERT INTO t VALUES (7, {value})",
    )
    own.sync()
    own.in_mirror("UPDATE raw.t SET b = '''other''' WHERE id = 7")
    assert sentences(own.verify("rows")["t"])[-1] == (
        f"t id 7 in all: b is {shown} in the source, 'other' in the mirror."
    )
