"""Tests that Parquet files are written completely or not at all, and reported when missing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from saas_platform.storage.frames import FrameStore, FrameStoreError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = FrameStore((tmp_path / "staging").as_uri())
    table = pa.table({"a": [1, None], "b": ["x", ""]})
    written = store.write("group/table/2024-01", table)
    assert written.bytes > 0
    assert written == store.written("group/table/2024-01")
    assert store.read("group/table/2024-01") == table
    assert store.has("group/table/2024-01")


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    store = FrameStore(tmp_path.as_uri())
    store.write("t", pa.table({"a": [1, 2, 3]}))
    store.write("t", pa.table({"a": [4]}))
    assert store.read("t")["a"].to_pylist() == [4]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameStoreError, match=r"never.parquet is missing: materialise"):
        FrameStore(tmp_path.as_uri()).read("never")


def test_a_folder_that_is_a_file_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(FrameStoreError, match="can't be written"):
        FrameStore(tmp_path.as_uri()).write("blocked/t", pa.table({"a": [1]}))
