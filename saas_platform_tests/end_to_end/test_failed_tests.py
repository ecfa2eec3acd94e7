"""A mart whose test failed stays stale until the test passes, whichever of the marts that the test reads is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.test_marks_of_dagster import edit_source, marks, sql, tick

pytestmark = pytest.mark.slow

#: One invoice no longer has the sum of its items. A test that reads invoices and items notices that.
WRONG = "SET subtotal_cents = subtotal_cents + 900, total_cents = total_cents + 900"
RIGHT = "SET subtotal_cents = subtotal_cents - 900, total_cents = total_cents - 900"
ONE = "WHERE invoice_id = (SELECT min(invoice_id) FROM invoices)"


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Platform.load().home) as made:
        yield made


def test_the_test_fails_again_until_the_data_is_right(
    home: Path, instance: dg.DagsterInstance
) -> None:
    edit_source(home, f"UPDATE invoices {WRONG} {ONE}")
    for _ in range(2):
        failed = command("run")
        assert failed.code == 2
        assert "invoices_add_up" in failed.error_text
        stale = stale_products(Platform.load())
        for mart in ("marts/stg_invoices", "marts/stg_invoice_items"):
            assert stale[mart].words == "failed its test invoices_add_up"
        assert "dashboards/page" in stale
        tick(instance)
        assert marks(instance).keys() == stale.keys()
    edit_source(home, f"UPDATE invoices {RIGHT} {ONE}")
    assert command("run").code == 0
    tick(instance)
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})
    assert "nothing to do" in command("run").err


def test_a_test_runs_if_only_one_of_the_marts_that_it_reads_is_built(home: Path) -> None:
    sql(
        home,
        f"UPDATE raw.invoices {WRONG} WHERE invoice_id = (SELECT min(invoice_id) FROM raw.invoices)",
    )
    for mart in ("stg_invoices", "stg_invoice_items"):
        failed = command("run", "--select", f"marts/{mart}")
        assert failed.code == 2, mart
        assert "invoices_add_up" in failed.error_text


def test_a_test_that_reads_a_mart_which_is_not_there_is_left_out(home: Path) -> None:
    sql(home, "DROP VIEW marts.stg_invoice_items")
    built = command("run", "--select", "marts/stg_invoices")
    assert built.code == 0, built.err
    assert command("run").code == 0
    assert stale_products(Platform.load()) == {}
