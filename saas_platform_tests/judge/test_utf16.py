"""Test that a text that is not valid UTF-16 is never called proven, whenever it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform_tests.judge.own import Own


@pytest.mark.parametrize("declared", ["", "TEXT"])
@pytest.mark.parametrize(("encoding", "lone"), [("UTF-16le", "00d8"), ("UTF-16be", "d800")])
def test_a_lone_surrogate_that_comes_later(
    tmp_path: Path, encoding: str, lone: str, declared: str
) -> None:
    own = Own(
        tmp_path,
        [
            f"PRAGMA encoding = '{encoding}'",
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, s {declared})",
            "INSERT INTO t VALUES (1, 'x'), (2, char(0xFFFD))",
        ],
    )
    assert own.sync()["t"].proof.proven  # type: ignore[union-attr]
    # U+FFFD is what SQLite makes of it.
    own.execute(f"UPDATE t SET s = CAST(x'{lone}' AS TEXT) WHERE id = 2")
    for level in ("digest", "rows"):
        assert not own.verify(level)["t"].proven
    error = own.sync()["t"].error or ""
    assert "in the row with id 2, which is not a text that SQLite can convert" in error
    assert own.repair()["t"].error is not None
