"""Dirt is seeded and listed, and nothing else differs from the clean company."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company import Batch, Company, CompanyConfig, DirtyCompany, dirt
from saas_platform.company.batch import ERASURES_SCHEMA
from saas_platform.company.truth import PLANTED_SCHEMA
from saas_platform.schema import TABLES
from saas_platform_tests.company.test_same_company import assert_same
from saas_platform_tests.company.world import AS_OF, SMALL, START, key_of
from saas_platform_tests.drawing import examples

COUNT = 8
MONTHS = [START.plus(k) for k in range(COUNT)]
KINDS = get_args(dirt.DirtKind)

Rows = dict[int, dict[str, Any]]


class Known:
    """A company that keeps its clean batches, because the simulator is the slow part."""

    def __init__(self, config: CompanyConfig) -> None:
        self._company = Company(config)
        self._made: dict[tuple[Month, datetime], Batch] = {}

    def batch(self, month: Month, as_of: datetime) -> Batch:
        key = (month, min(as_of, month.end))
        if key not in self._made:
            self._made[key] = self._company.batch(month, as_of)
        return self._made[key]


@pytest.fixture(scope="session")
def clean() -> Known:
    return Known(SMALL)


def dirty(clean: Known, share: float, seed: int = SMALL.seed) -> DirtyCompany:
    return DirtyCompany(clean, seed, share)  # type: ignore[arg-type]


def by_key(table: str, batch: Batch) -> Rows:
    rows = batch.rows[table].to_pylist()
    found = {row[key_of(table)]: row for row in rows}
    assert len(found) == len(rows), f"{table} has a key twice"
    return found


@dataclass
class Differences:
    """How dirty batches differ from the clean ones, found by comparing them row by row."""

    cells: set[tuple[str, str, int, str]] = field(default_factory=set)
    more: set[tuple[str, str, int]] = field(default_factory=set)
    less: set[tuple[str, str, int]] = field(default_factory=set)

    def add(self, month: Month, table: str, one: Rows, other: Rows) -> None:
        self.more |= {(str(month), table, key) for key in other.keys() - one.keys()}
        self.less |= {(str(month), table, key) for key in one.keys() - other.keys()}
        self.cells |= {
            (str(month), table, key, column)
            for key in one.keys() & other.keys()
            for column, value in one[key].items()
            if value != other[key][column]
        }


@settings(max_examples=examples(6), deadline=None)
@given(share=st.floats(0.05, 1), seed=st.integers(0, 2**63 - 1), position=st.integers(1, COUNT - 2))
def test_the_list_is_the_difference(clean: Known, share: float, seed: int, position: int) -> None:
    company = dirty(clean, share, seed)
    found = Differences()
    months = MONTHS[position : position + 2]
    for month in months:
        one, other = clean.batch(month, AS_OF), company.batch(month, AS_OF)
        assert other.erasures.equals(one.erasures)
        for table in TABLES:
            found.add(month, table, by_key(table, one), by_key(table, other))
    listed = pa.concat_tables([company.planted(month, AS_OF) for month in months]).to_pylist()
    spots = [(r["month"], r["table"], r["key"]) for r in listed]
    assert {p for p, r in zip(spots, listed, strict=True) if r["column"] is None} == found.more
    cells = [(*p, r["column"]) for p, r in zip(spots, listed, strict=True) if r["column"]]
    assert set(cells) == found.cells
    # Only events are held back, and they arrive with the next month.
    first, second = map(str, months)
    late = {(t, key) for month, t, key in found.more if month == second and key > 0}
    assert {(t, key) for month, t, key in found.less if month == first} <= late


def test_share_0_is_the_clean_company(clean: Known) -> None:
    company = dirty(clean, 0.0)
    for month in MONTHS[:3]:
        assert company.batch(month, AS_OF) is clean.batch(month, AS_OF)
        assert company.planted(month, AS_OF).num_rows == 0
    assert company.planted_until(START, AS_OF).equals(PLANTED_SCHEMA.empty_table())


def test_dirt_of_every_kind_and_place_is_injected(clean: Known) -> None:
    # This run is longer, because an invoice rarely changes in two consecutive months.
    planted = dirty(clean, 1.0).planted_until(START, START.plus(15).start).to_pylist()
    assert {row["kind"] for row in planted} == set(KINDS)
    spots = {(row["kind"], row["table"], row["column"]) for row in planted}
    assert {(d.kind, d.table, d.column) for d in dirt.CELLS} <= spots
    for spot in (*dirt.LATE, *dirt.DUPLICATES, *dirt.OUT_OF_ORDER):
        assert (spot.kind, spot.table, None) in spots


def test_a_greater_share_injects_all_of_a_smaller_one_and_more(clean: Known) -> None:
    found = []
    for share in (0.1, 0.4, 1.0):
        planted = dirty(clean, share).planted_until(START, MONTHS[-1].end)
        found.append({tuple(row.values()) for row in planted.to_pylist()})
    assert found[0] < found[1] < found[2]


def test_the_share_is_the_expected_part(clean: Known) -> None:
    """Check on about 4,000 events that the expected fraction of them arrives late."""
    events = sum(clean.batch(m, AS_OF).rows["usage_events"].num_rows for m in MONTHS[:-1])
    company = dirty(clean, 0.5)
    late = Counter(kind for m in MONTHS for kind in company.planted(m, AS_OF)["kind"].to_pylist())[
        "late_row"
    ]
    assert late == pytest.approx(events * dirt.LATE[0].rate * 0.5, rel=0.35)


def test_a_month_alone_and_any_order_are_the_same(clean: Known) -> None:
    straight = dirty(clean, 0.6)
    whole = [straight.batch(month, AS_OF) for month in MONTHS]
    lists = [straight.planted(month, AS_OF) for month in MONTHS]
    alone = DirtyCompany(Company(SMALL), SMALL.seed, 0.6)
    for position in (5, 2, 6):
        assert_same(alone.batch(MONTHS[position], AS_OF), whole[position])
        assert alone.planted(MONTHS[position], AS_OF).equals(lists[position])
    assert DirtyCompany(Company(SMALL), SMALL.seed, 0.6).planted(MONTHS[3], AS_OF).equals(lists[3])


def test_another_seed_gives_other_dirt(clean: Known) -> None:
    month = MONTHS[4]
    one = dirty(clean, 0.5).batch(month, AS_OF).rows["accounts"]
    assert one.equals(dirty(clean, 0.5).batch(month, AS_OF).rows["accounts"])
    assert (
        not dirty(clean, 0.5, seed=8)
        .planted(month, AS_OF)
        .equals(dirty(clean, 0.5).planted(month, AS_OF))
    )


def test_a_later_as_of_keeps_the_dirt_of_an_earlier_one(clean: Known) -> None:
    """Check that each error injected by the middle of a month is still there at its end."""
    month = MONTHS[5]
    company = dirty(clean, 1.0)
    early = company.planted(month, datetime(month.year, month.number, 12)).to_pylist()
    late = {tuple(row.values()) for row in company.planted(month, AS_OF).to_pylist()}
    assert early
    assert {tuple(row.values()) for row in early} <= late
    # Rows that come from the months before are there from the first day.
    before = {r["key"] for r in early if r["column"] is None}
    assert before == {key for m, k, t, key, column, d in late if column is None}


def test_nothing_is_injected_outside_the_window(clean: Known) -> None:
    company = dirty(clean, 1.0)
    for month, as_of in ((START.plus(-1), AS_OF), (MONTHS[3], MONTHS[3].start)):
        assert all(rows.num_rows == 0 for rows in company.batch(month, as_of).rows.values())
        assert company.planted(month, as_of).num_rows == 0


def test_corrupted_values_fit_and_stay(clean: Known) -> None:
    """Check the length in UTF-16 units, the absence of NUL, and that all versions of a row agree."""
    company = dirty(clean, 1.0)
    seen: dict[tuple[str, str, int], Any] = {}
    for month in MONTHS:
        batch, cells = company.batch(month, AS_OF), company.planted(month, AS_OF).to_pylist()
        rows = {table: by_key(table, batch) for table in TABLES}
        for cell in cells:
            if cell["column"] is None:
                continue
            place = (cell["table"], cell["column"], cell["key"])
            value = rows[cell["table"]][cell["key"]][cell["column"]]
            assert seen.setdefault(place, value) == value
            if isinstance(value, str):
                longest = TABLES[place[0]].columns[place[1]].type.length
                assert len(value.encode("utf-16-le")) <= 2 * longest
                assert "\0" not in value
    assert len(seen) > 50


def test_no_real_key_is_negative_like_those_of_duplicates(clean: Known) -> None:
    for month in MONTHS:
        for table, rows in clean.batch(month, AS_OF).rows.items():
            assert not rows.num_rows or min(rows[key_of(table)].to_pylist()) > 0, table


class Forgetting(Known):
    """The clean company with more users erased in the seventh month."""

    def __init__(self, clean: Known, users: list[int]) -> None:
        self._clean, self._users = clean, users

    def batch(self, month: Month, as_of: datetime) -> Batch:
        made = self._clean.batch(month, as_of)
        if month != MONTHS[6]:
            return made
        erased = [self._users, [month.start] * len(self._users)]
        return replace(made, erasures=pa.table(erased, schema=ERASURES_SCHEMA))


def test_the_list_omits_the_cells_of_erased_users(clean: Known) -> None:
    end = MONTHS[-1].end
    before = dirty(clean, 1.0).planted_until(START, end).to_pylist()
    cells = {r["key"] for r in before if r["table"] == "users" and r["column"]}
    gone = sorted(cells)[:3]
    after = dirty(Forgetting(clean, gone), 1.0).planted_until(START, end).to_pylist()
    assert {r["key"] for r in after if r["table"] == "users" and r["column"]} == cells - set(gone)
    assert [r for r in after if r["table"] != "users"] == [
        r for r in before if r["table"] != "users"
    ]


def test_a_share_outside_0_to_1_is_refused(clean: Known) -> None:
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"share is .*: write a number from 0 to 1"):
            dirty(clean, share)
