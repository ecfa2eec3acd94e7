"""Dirty data on demand: errors injected into the company's batches, and the list of these errors.

Contains: the kinds of dirt, how often each occurs, and the layer that applies them to a company. Out of
scope: the rules of the simulation, and how dirt is found (by the intake and the contracts).

Whether a row or cell is touched is a function of (seed, share, key). Therefore a month generated alone
equals that month in a whole run, a cell stays corrupted in every later version of its row, and a greater
share injects all the errors of a smaller one and more. All dirt passes the schema's checks. An error that
a database refuses outright never reaches a warehouse, so it would test nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saas_platform.clock import Month
from saas_platform.company.batch import ERASURES_SCHEMA, Batch
from saas_platform.company.columns import Array
from saas_platform.company.company import Company
from saas_platform.company.randomness import Dice
from saas_platform.company.truth import PLANTED_SCHEMA
from saas_platform.schema import TABLES

DirtKind = Literal[
    "late_row",
    "out_of_order",
    "natural_key_duplicate",
    "odd_unicode",
    "trailing_blank",
    "extreme_value",
]

#: The list of injected errors, `planted`: one row for each row or cell that is not in the clean batch.
#: Characters that are invisible or look like others. Each has broken a join, a page or an export.
ODD = {
    "right-to-left override": "\u202e",
    "zero-width blank": "\u200b",
    "zero-width joiner": "\u200d",
    "combining accent": "\u0301",
    "emoji outside the BMP": "\U0001f9fe",
    "byte order mark": "\ufeff",
    "non-breaking blank": "\u00a0",
    "line separator": "\u2028",
}
_ODD = tuple(ODD.items())

#: Largest 32-bit integer; last microsecond of a DATETIME2(6); 2**53 + 1, which no float64 can hold.
MOST_EMPLOYEES = 2_147_483_647
LAST_TIMESTAMP = datetime(9999, 12, 31, 23, 59, 59, 999_999)
UNFLOATABLE_CENTS = 9_007_199_254_740_993


@dataclass(frozen=True)
class RowDirt:
    """Dirt in whole rows of a table. `rate` is the fraction of the candidates touched at share 1."""

    kind: DirtKind
    table: str
    rate: float


@dataclass(frozen=True)
class CellDirt:
    """Dirt in cells of a column: in rows where `only` has its value, set to `value` if that is fixed."""

    kind: DirtKind
    table: str
    column: str
    rate: float
    value: Any = None
    only: tuple[str, str] | None = None


#: Only events arrive late. They are append-only, so the month before lacks them and is otherwise correct.
#: An invoice without its items would make it a different company.
LATE = (RowDirt("late_row", "usage_events", 0.02),)

#: Mutable tables. The candidates are the few rows that changed in two consecutive months.
OUT_OF_ORDER = (
    RowDirt("out_of_order", "subscriptions", 0.5),
    RowDirt("out_of_order", "invoices", 0.5),
    RowDirt("out_of_order", "support_tickets", 0.5),
)

#: Every table with a natural key that grows each month. The candidates are the month's new rows.
DUPLICATES = (
    RowDirt("natural_key_duplicate", "accounts", 0.1),
    RowDirt("natural_key_duplicate", "users", 0.05),
    RowDirt("natural_key_duplicate", "subscription_changes", 0.1),
    RowDirt("natural_key_duplicate", "invoices", 0.1),
    RowDirt("natural_key_duplicate", "invoice_items", 0.1),
    RowDirt("natural_key_duplicate", "payments", 0.1),
    RowDirt("natural_key_duplicate", "promo_redemptions", 0.1),
)

#: Applied in this order in each table. A text with an odd character may get a trailing blank as well.
CELLS = (
    CellDirt("odd_unicode", "accounts", "name", 0.1),
    CellDirt("odd_unicode", "users", "full_name", 0.05),
    CellDirt("odd_unicode", "support_tickets", "subject", 0.1),
    CellDirt("trailing_blank", "accounts", "name", 0.1),
    CellDirt("trailing_blank", "accounts", "domain", 0.05),
    CellDirt("trailing_blank", "users", "full_name", 0.05),
    CellDirt("trailing_blank", "support_tickets", "subject", 0.1),
    CellDirt("extreme_value", "accounts", "employee_count", 0.05, MOST_EMPLOYEES),
    CellDirt("extreme_value", "invoices", "due_at", 0.05, LAST_TIMESTAMP),
    # Only failed attempts are touched. They move no money, so revenue does not change.
    CellDirt(
        "extreme_value", "payments", "amount_cents", 0.2, UNFLOATABLE_CENTS, ("status", "failed")
    ),
)

#: How many clean batches are kept: those of the month and of the two months before it, whose rows its dirt
#: repeats, and that of the whole month if `as_of` cuts it short.
_KEPT = 4


class DirtyCompany:
    """A company with errors injected into its batches. With share 0 the batches are unchanged.

    Months may be requested in any order, as from the company itself; ascending order is fastest.
    """

    def __init__(self, company: Company, seed: int, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share}: write a number from 0 to 1")
        self._company = company
        self._dice = Dice(seed)
        self._share = share
        self._clean: OrderedDict[tuple[Month, datetime], Batch] = OrderedDict()
        # A run requests the lists after the batches. Without these small tables each month is made twice.
        self._lists: dict[tuple[Month, datetime], tuple[pa.Table, pa.Table]] = {}

    def batch(self, month: Month, as_of: datetime) -> Batch:
        """Return the batch of `Company.batch` with errors injected.

        Late and repeated rows have timestamps before the month's start. Each key still occurs once.
        """
        if not self._share or month.start >= as_of:
            return self._company.batch(month, as_of)
        # The oldest month comes first, because the company's simulator only goes forward.
        older = self._clean_batch(month.plus(-2), as_of)
        before = self._clean_batch(month.plus(-1), as_of)
        clean = self._clean_batch(month, as_of)
        # Use the whole month even if it is not over: the repeated versions must not depend on `as_of`.
        whole = clean if as_of >= month.end else self._clean_batch(month, month.end)
        found = _Planted(month)
        rows = {}
        for name, own in clean.rows.items():
            own, late = self._late(name, own, before, found)
            own = self._cells(name, own, found)
            again = self._again(name, older, before, whole, found)
            # A duplicate has the same corrupted cells as the row it copies. Only the latter's are listed.
            taken = _negated(name, self._duplicates(name, before, found))
            parts = [part for part in (late, again, taken) if part.num_rows]
            rows[name] = (
                pa.concat_tables([own, *parts]).sort_by(_key(name)).combine_chunks()
                if parts
                else own
            )
        self._lists[month, min(month.end, as_of)] = (found.table(), clean.erasures)
        return replace(clean, rows=rows)

    def planted(self, month: Month, as_of: datetime) -> pa.Table:
        """Return the list of errors injected into the batch (PLANTED_SCHEMA).

        Events that are held back are listed in the month in which they arrive. A cell is listed in every
        month that has a version of its row.
        """
        return self._listed(month, as_of)[0]

    def planted_until(self, first: Month, as_of: datetime) -> pa.Table:
        """Return the errors injected into all months from `first` that began before `as_of`.

        The list omits the cells of users who were erased later, because they can no longer be found.
        """
        if not self._share:
            return PLANTED_SCHEMA.empty_table()
        lists, erased = [PLANTED_SCHEMA.empty_table()], [ERASURES_SCHEMA.empty_table()]
        month = first
        while month.start < as_of:
            planted, erasures = self._listed(month, as_of)
            lists.append(planted)
            erased.append(erasures)
            month = month.next()
        found = pa.concat_tables(lists)
        gone = pc.is_in(found["key"], pa.concat_tables(erased)["user_id"].combine_chunks())
        forgotten = pc.and_(
            pc.and_(pc.equal(found["table"], "users"), pc.is_valid(found["column"])), gone
        )
        return found.filter(pc.invert(forgotten)).combine_chunks()

    def truth(self, as_of: datetime) -> dict[str, pa.Table]:
        """Return the company's truth, which dirt does not change."""
        return self._company.truth(as_of)

    def _listed(self, month: Month, as_of: datetime) -> tuple[pa.Table, pa.Table]:
        """Return the list of errors of a month, and its erasures."""
        key = (month, min(month.end, as_of))
        if key not in self._lists:
            self.batch(month, as_of)
        return self._lists.get(key, (PLANTED_SCHEMA.empty_table(), ERASURES_SCHEMA.empty_table()))

    def _clean_batch(self, month: Month, as_of: datetime) -> Batch:
        """Return the clean batch, which is kept for the months after it."""
        key = (month, min(month.end, as_of))
        if key not in self._clean:
            self._clean[key] = self._company.batch(month, as_of)
            if len(self._clean) > _KEPT:
                self._clean.popitem(last=False)
        return self._clean[key]

    def _touched(self, rows: pa.Table, dirt: RowDirt | CellDirt, *more: int) -> Array:
        """Return whether each row is touched, which its key decides."""
        column = dirt.column if isinstance(dirt, CellDirt) else ""
        drawn = self._dice.uniform(
            f"dirt/{dirt.kind}/{dirt.table}/{column}", _keys(dirt.table, rows), *more
        )
        return drawn < dirt.rate * self._share

    def _late(
        self, name: str, own: pa.Table, before: Batch, found: _Planted
    ) -> tuple[pa.Table, pa.Table]:
        """Return the month's rows without those held back, and the rows held back in the month before."""
        late = before.rows[name].slice(0, 0)
        for dirt in LATE:
            if dirt.table == name:
                own = own.filter(pa.array(~self._touched(own, dirt)))
                candidates = before.rows[name]
                late = candidates.filter(pa.array(self._touched(candidates, dirt)))
                found.rows(dirt, _keys(name, late), f"happened in {before.month}")
        return own, late

    def _again(
        self, name: str, older: Batch, before: Batch, whole: Batch, found: _Planted
    ) -> pa.Table:
        """Return versions from two months ago of rows that changed last month but not in this one."""
        rows = older.rows[name]
        for dirt in OUT_OF_ORDER:
            if dirt.table == name:
                key = _key(name)
                changed = pc.is_in(rows[key], before.rows[name][key].combine_chunks())
                present = pc.is_in(rows[key], whole.rows[name][key].combine_chunks())
                rows = rows.filter(pc.and_not(changed, present))
                rows = rows.filter(pa.array(self._touched(rows, dirt, older.month.index)))
                found.rows(dirt, _keys(name, rows), f"version of {older.month}")
                return self._cells(name, rows, None)
        return rows.slice(0, 0)

    def _duplicates(self, name: str, before: Batch, found: _Planted) -> pa.Table:
        """Return copies of rows created in the month before, whose natural keys are therefore taken."""
        rows = before.rows[name]
        for dirt in DUPLICATES:
            if dirt.table == name:
                new = pc.greater_equal(rows["created_at"], pa.scalar(before.month.start))
                rows = rows.filter(new)
                if name == "users":
                    # The email addresses of erased users are free again.
                    gone = before.erasures["user_id"].combine_chunks()
                    rows = rows.filter(pc.invert(pc.is_in(rows["user_id"], gone)))
                rows = rows.filter(pa.array(self._touched(rows, dirt)))
                originals = _keys(name, rows)
                found.rows(dirt, -originals, [f"natural key of {key}" for key in originals])
                return self._cells(name, rows, None)
        return rows.slice(0, 0)

    def _cells(self, name: str, rows: pa.Table, found: _Planted | None) -> pa.Table:
        """Return the rows with their cells corrupted, and add these to `found` if it is given."""
        for dirt in CELLS:
            if dirt.table != name or not rows.num_rows:
                continue
            touched = self._touched(rows, dirt)
            if dirt.only is not None:
                column, value = dirt.only
                touched &= pc.equal(rows[column], value).to_numpy()
            shown = rows[dirt.column].combine_chunks()
            at = np.flatnonzero(touched)
            values, details = self._values(dirt, shown.take(pa.array(at)), _keys(name, rows)[at])
            fits = np.array([value is not None for value in values], bool)
            at = at[fits]
            mask = np.zeros(rows.num_rows, bool)
            mask[at] = True
            corrupted = pa.array([value for value in values if value is not None], shown.type)
            index = rows.schema.get_field_index(dirt.column)
            rows = rows.set_column(
                index, rows.schema.field(index), pc.replace_with_mask(shown, mask, corrupted)
            )
            if found is not None:
                kept = [detail for detail, fit in zip(details, fits, strict=True) if fit]
                found.cells(dirt, _keys(name, rows)[at], kept)
        return rows

    def _values(self, dirt: CellDirt, shown: pa.Array, keys: Array) -> tuple[list[Any], list[str]]:
        """Return corrupted values, None where one would not fit its column, and a description of each."""
        if dirt.value is not None:
            return [dirt.value] * len(keys), [f"set to {dirt.value}"] * len(keys)
        stream = f"dirt/{dirt.kind}/{dirt.table}/{dirt.column}"
        corrupt, details = _CORRUPTERS[dirt.kind]
        which = self._dice.index(len(details), f"{stream}/which", keys)
        where = self._dice.uniform(f"{stream}/where", keys)
        longest = TABLES[dirt.table].columns[dirt.column].type.length  # type: ignore[attr-defined]
        texts = [
            corrupt(text, int(w), float(p))
            for text, w, p in zip(shown.to_pylist(), which, where, strict=True)
        ]
        return (
            [text if _units(text) <= longest else None for text in texts],
            [details[w] for w in which],
        )


def _odd(text: str, which: int, where: float) -> str:
    """Insert the odd character inside the text: a blank at the end would be two kinds of dirt."""
    position = 1 + int(where * (len(text) - 1))
    return text[:position] + _ODD[which][1] + text[position:]


def _blanks(text: str, which: int, where: float) -> str:  # noqa: ARG001
    return text + " " * (which + 1)


_CORRUPTERS: dict[DirtKind, tuple[Callable[[str, int, float], str], list[str]]] = {
    "odd_unicode": (_odd, list(ODD)),
    "trailing_blank": (_blanks, ["one blank at the end", "two blanks at the end"]),
}


def _units(text: str) -> int:
    """Return the length in UTF-16 units, which is what NVARCHAR counts."""
    return len(text.encode("utf-16-le")) // 2


def _key(name: str) -> str:
    return next(column.name for column in TABLES[name].primary_key)


def _keys(name: str, rows: pa.Table) -> Array:
    keys: Array = rows[_key(name)].to_numpy()
    return keys


def _negated(name: str, rows: pa.Table) -> pa.Table:
    """Return the rows under negated keys: no real key is negative, and the key shows the original."""
    index = rows.schema.get_field_index(_key(name))
    return rows.set_column(index, rows.schema.field(index), pc.negate(rows[index]))


class _Planted:
    """Collects the errors injected into a month."""

    def __init__(self, month: Month) -> None:
        self._month = str(month)
        self._parts = [PLANTED_SCHEMA.empty_table()]

    def rows(self, dirt: RowDirt, keys: Array, detail: str | list[str]) -> None:
        details = [detail] * len(keys) if isinstance(detail, str) else detail
        self._add(dirt.kind, dirt.table, keys, None, details)

    def cells(self, dirt: CellDirt, keys: Array, details: list[str]) -> None:
        self._add(dirt.kind, dirt.table, keys, dirt.column, details)

    def _add(
        self, kind: str, table: str, keys: Array, column: str | None, details: list[str]
    ) -> None:
        count = len(keys)
        self._parts.append(
            pa.table(
                [
                    [self._month] * count,
                    [kind] * count,
                    [table] * count,
                    keys,
                    [column] * count,
                    details,
                ],
                schema=PLANTED_SCHEMA,
            )
        )

    def table(self) -> pa.Table:
        return pa.concat_tables(self._parts).combine_chunks()
