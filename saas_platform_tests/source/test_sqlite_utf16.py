"""Test that a text which SQLite can't convert from UTF-16 stops its table, and never equals a mirror.

Python's own strict decoder says what a text is. Nothing of the package takes part in that.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from saas_platform.schema import canonical
from saas_platform.schema.any_value import AnyValue
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase

ENCODINGS = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
#: Code units of UTF-16.
UNITS: list[tuple[int, ...]] = [
    (0xD800,),
    (0xD801,),
    (0xDC00,),
    (0xDFFF,),
    (0x41, 0xD800),
    (0xD800, 0x41),
    (0xD800, 0xD800),
    (0xDC00, 0xD800),
    (0xD800, 0, 0x41),
    (0xFFFE,),
    (0x41, 0xFFFF),
    (0xD83D, 0xDE00),
    (0xDBFF, 0xDFFF),
    (0xD83F, 0xDFFF, 0xFDD0, 0xE000),
    (0xFFFD,),
    (0xFEFF, 0x41),
    (0x41, 0, 0x42),
    (0x27, 0x7C, 0xFFFD),
    (),
]
#: Characters that SQLite itself replaces when it converts a text to UTF-16.
REPLACED = {0xFFFE, 0xFFFF}


def stored(encoding: str, units: tuple[int, ...]) -> bytes:
    return b"".join(
        unit.to_bytes(2, "little" if encoding.endswith("le") else "big") for unit in units
    )


def text_of(encoding: str, units: tuple[int, ...]) -> str | None:
    """Return the text; None if the units are none, or none that SQLite converts as it is."""
    try:
        text = stored(encoding, units).decode(ENCODINGS[encoding])
    except UnicodeDecodeError:
        return None
    return None if REPLACED.intersection(units) else text


def make(path: Path, encoding: str, declared: str, units: tuple[int, ...]) -> SqliteDatabase:
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA encoding = '{encoding}'")
        file.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")
        file.execute("INSERT INTO t VALUES (1, 'x')")
        # SQLite takes the bytes of a parameter for UTF-8, and those of a literal for the encoding of the file.
        file.execute(f"INSERT INTO t VALUES (7, CAST(x'{stored(encoding, units).hex()}' AS TEXT))")
        file.commit()
    return SqliteDatabase(path)


@pytest.mark.parametrize("units", UNITS, ids=lambda units: "-".join(f"{unit:X}" for unit in units))
@pytest.mark.parametrize("kind", [sa.String(), AnyValue()], ids=["text", "any"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_is_exact_or_stops_its_table(
    tmp_path: Path, encoding: str, kind: sa.types.TypeEngine[str], units: tuple[int, ...]
) -> None:
    source = make(tmp_path / "own.db", encoding, "TEXT", units)
    declared = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("v", kind, info={"declared": "TEXT"}),
    )
    text = text_of(encoding, units)
    with source.snapshot() as snapshot:
        proven = [
            snapshot.row_texts(declared).read_all()["c1"][1].as_py(),
            snapshot.divisible_texts(declared).read_all()["c1"][1].as_py(),
            "".join(list(snapshot.cells(declared).read_all().to_pylist()[1].values())[1:]),
        ]
        found = source.discover()
        if text is None:
            with pytest.raises(SourceError) as caught:
                snapshot.rows(declared).read_all()
            shown = stored(encoding, units).hex().upper()
            assert str(caught.value) == (
                f"t.v of the source holds CAST(X'{shown}' AS TEXT) in the row with id 7, which is not a text that"
                " SQLite can convert to UTF-8: correct it in the source, or move the column from the columns of t in"
                " tables.yaml to its `skip:`, then run again."
            )
            assert proven == [f"7|.X'{shown}'|?"] * 3
            assert "t.v holds a text that SQLite can't convert to UTF-8" in "".join(found.notes)
            return
        literal = "'" + text.replace("'", "''") + "'" if isinstance(kind, AnyValue) else text
        assert snapshot.rows(declared).read_all()["v"].to_pylist()[1] == literal
        assert proven == [canonical.row_text(declared, {"id": 7, "v": literal})] * 3
        assert found.notes == ()


def test_a_text_in_a_key_is_named_with_what_helps(tmp_path: Path) -> None:
    """To leave out the column would leave the table without its key."""
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("PRAGMA encoding = 'UTF-16le'")
        file.execute("CREATE TABLE t (k PRIMARY KEY, v)")
        file.execute("INSERT INTO t VALUES (CAST(x'00d8' AS TEXT), 1), (CAST(x'01d8' AS TEXT), 2)")
        file.commit()
    source = SqliteDatabase(tmp_path / "own.db")
    found = source.discover()
    (declared,) = found.tables
    remedy = (
        "correct it in the source, or remove t from tables.yaml, with the references to it, and add it to `skip:` at"
        " the top"
    )
    assert any(note.startswith("t.k holds a text") and remedy in note for note in found.notes)
    with source.snapshot() as snapshot:
        with pytest.raises(SourceError) as caught:
            snapshot.rows(declared).read_all()
        texts = snapshot.row_texts(declared).read_all()["c1"].to_pylist()
    assert "in the row with k CAST(X'00D8' AS TEXT)" in str(caught.value)
    assert remedy in str(caught.value)
    assert texts == ["X'00D8'|?1|.", "X'01D8'|?2|."]
