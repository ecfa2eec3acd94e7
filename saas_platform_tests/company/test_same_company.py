"""The same seed gives the same company, independent of order, process and what came before."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company import COMPANY_VERSION, Batch, Company, CompanyConfig
from saas_platform_tests.company.world import AS_OF, SMALL, START, batches_of, key_of, months
from saas_platform_tests.drawing import drawn, examples

_REPOSITORY = Path(__file__).parents[2]
_GOLDEN = Path(__file__).parent / "golden" / "digests.json"


def assert_same(one: Batch, other: Batch) -> None:
    assert one.erasures.equals(other.erasures)
    for name, rows in one.rows.items():
        assert rows.equals(other.rows[name]), name


def digest_of(batch: Batch) -> str:
    digest = hashlib.sha256()
    for table in [*batch.rows.values(), batch.erasures]:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    return digest.hexdigest()


@pytest.mark.parametrize("position", [0, 1, 9, 23])
def test_a_month_alone_equals_that_month_in_a_whole_run(small: list[Batch], position: int) -> None:
    assert_same(Company(SMALL).batch(months()[position], AS_OF), small[position])


@settings(max_examples=examples(3), deadline=None)
@given(st.lists(st.integers(0, 11), min_size=2, max_size=4))
def test_order_does_not_matter(small: list[Batch], order: list[int]) -> None:
    company = Company(SMALL)
    for position in order:
        assert_same(company.batch(months()[position], AS_OF), small[position])


@pytest.mark.slow
def test_another_process_makes_the_same_rows(small: list[Batch]) -> None:
    code = (
        "from saas_platform.company import Company\n"
        "from saas_platform_tests.company.test_same_company import digest_of\n"
        "from saas_platform_tests.company.world import AS_OF, SMALL, months\n"
        "print(digest_of(Company(SMALL).batch(months()[7], AS_OF)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=_REPOSITORY,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == digest_of(small[7])


@settings(max_examples=examples(4), deadline=None)
@given(
    position=st.integers(0, 17),
    early=st.integers(0, 60 * 24 * 31),
    late=st.integers(0, 60 * 24 * 31),
)
def test_a_later_as_of_only_adds_rows_or_later_states(position: int, early: int, late: int) -> None:
    month = months()[position]
    first = month.start + timedelta(minutes=min(early, late))
    then = month.start + timedelta(minutes=max(early, late))
    company = Company(SMALL)
    one, other = company.batch(month, first), company.batch(month, then)
    for name, rows in one.rows.items():
        before, after, key = rows.to_pylist(), other.rows[name].to_pylist(), key_of(name)
        later = {row[key]: row for row in after}
        for row in before:
            grown = later[row[key]]
            assert grown == row or (
                grown["updated_at"] > row["updated_at"]
                and grown["updated_at"] >= first
                and grown["created_at"] == row["created_at"]
            ), name
        known = {row[key] for row in before}
        stamp = "occurred_at" if name == "usage_events" else "updated_at"
        assert all(row[stamp] >= first for row in after if row[key] not in known), name
    gone = other.erasures.filter(pc.less(other.erasures["erased_at"], pa.scalar(first)))
    assert one.erasures.equals(gone)


def test_later_months_do_not_change_earlier_ones(small: list[Batch]) -> None:
    company = Company(SMALL)
    company.batch(Month(2027, 3), datetime(2027, 6, 1))
    assert_same(company.batch(months()[5], datetime(2027, 6, 1)), small[5])


def _of_accounts(batch: Batch, ids: pa.Array) -> dict[str, pa.Table]:
    """Return the rows that belong to the accounts, by the account's part of the key or by account id."""
    factor = {
        "accounts": 1,
        "users": 10**3,
        "subscriptions": 10**2,
        "subscription_changes": 10**5,
        "invoices": 10**5,
        "invoice_items": 10**7,
        "payments": 10**7,
        "promo_redemptions": 10**2,
        "support_tickets": 10**6,
    }
    of_account = {
        name: pc.divide(batch.rows[name][key_of(name)], divisor) for name, divisor in factor.items()
    }
    of_account["usage_events"] = batch.rows["usage_events"]["account_id"]
    return {name: batch.rows[name].filter(pc.is_in(a, ids)) for name, a in of_account.items()}


def test_more_accounts_do_not_change_the_rows_of_the_others(small: list[Batch]) -> None:
    larger = batches_of(CompanyConfig(seed=SMALL.seed, accounts=371, start=START), count=12)
    ids = pa.concat_tables([batch.rows["accounts"] for batch in small])["account_id"]
    for one, other in zip(small, larger, strict=False):
        kept = _of_accounts(other, ids)
        for name, rows in _of_accounts(one, ids).items():
            assert rows.num_rows == one.rows[name].num_rows, name
            assert rows.equals(kept[name]), name


def test_another_seed_makes_another_company(small: list[Batch]) -> None:
    other = Company(CompanyConfig(seed=8, accounts=SMALL.accounts, start=START)).batch(START, AS_OF)
    assert not other.rows["accounts"].equals(small[0].rows["accounts"])


def test_nothing_before_the_start_nor_after_as_of() -> None:
    company = Company(SMALL)
    for month, as_of in ((START.plus(-1), AS_OF), (Month(2026, 1), AS_OF), (START, START.start)):
        batch = company.batch(month, as_of)
        assert all(rows.num_rows == 0 for rows in batch.rows.values())
        assert batch.erasures.num_rows == 0


@st.composite
def _configs(draw: st.DrawFn) -> CompanyConfig:
    """Draw any company: size, start, and the knobs that move rows between months."""
    start = Month(2024, draw(st.integers(1, 12)))
    outage = {"start": start.plus(2).start.date(), "days": draw(st.integers(1, 40))}
    rise = {"start": start.plus(3).start.date(), "percent": draw(st.integers(-30, 60))}
    return CompanyConfig.model_validate(
        {
            "seed": draw(st.integers(0, 2**63 - 1)),
            "accounts": draw(st.integers(1, 400)),
            "start": start,
            "growth": {"monthly": draw(st.floats(-0.05, 0.1))},
            "usage": {"actions": draw(st.floats(0, 4))},
            "plans": {"trial_days": draw(st.integers(3, 60))},
            "outages": draw(st.sampled_from([[], [outage]])),
            "price_changes": draw(st.sampled_from([None, [], [rise]])),
        }
    )


@settings(max_examples=examples(6), deadline=None)
@given(config=_configs(), positions=st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_any_company_is_the_same_in_any_order(config: CompanyConfig, positions: list[int]) -> None:
    as_of = config.start.plus(10).start
    whole = Company(config)
    batches = [whole.batch(config.start.plus(k), as_of) for k in range(10)]
    company = Company(config)
    for position in positions:
        assert_same(company.batch(config.start.plus(position), as_of), batches[position])


@settings(max_examples=examples(3), deadline=None)
@given(config=_configs(), more=st.floats(0.001, 0.1))
def test_more_growth_does_not_change_the_rows_of_the_others(
    config: CompanyConfig, more: float
) -> None:
    growth = config.growth.model_copy(update={"monthly": config.growth.monthly + more})
    faster = config.model_copy(update={"growth": growth})
    as_of = config.start.plus(8).start
    one, other = Company(config), Company(faster)
    for position in range(8):
        month = config.start.plus(position)
        before, after = one.batch(month, as_of), other.batch(month, as_of)
        ids = before.rows["accounts"]["account_id"]
        assert set(ids.to_pylist()) <= set(after.rows["accounts"]["account_id"].to_pylist())
        kept = _of_accounts(after, ids)
        for name, rows in _of_accounts(before, ids).items():
            assert rows.equals(kept[name]), name


def test_the_rows_are_those_of_the_company_version() -> None:
    """Fail when the same config gives different rows.

    In that case increase COMPANY_VERSION and update the golden file with SAAS_TEST_UPDATE_GOLDEN=1.
    """
    company = Company(SMALL)
    found = {
        "version": COMPANY_VERSION,
        "months": {
            str(months()[position]): digest_of(company.batch(months()[position], AS_OF))
            for position in (0, 7, 23)
        },
    }
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        _GOLDEN.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(_GOLDEN.read_text())


def _other_pythons() -> list[Path]:
    """Return the supported interpreters on this machine, except for the running version."""
    this = sys.version_info[:2]
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    found: dict[str, Path] = {}
    for minor in range(11, 20):
        name = f"python3.{minor}"
        here = [folder / name for folder in folders if (folder / name).exists()]
        # The shim of a version manager may not lead to an interpreter.
        works = [
            p for p in here if subprocess.run([p, "-c", ""], capture_output=True).returncode == 0
        ]
        if works and (3, minor) != this:
            found[name] = works[0]
    return list(found.values())


@pytest.mark.slow
@pytest.mark.draws
@pytest.mark.parametrize("python", drawn(_other_pythons(), 1), ids=lambda python: python.name)
def test_any_python_makes_the_same_rows(python: Path, tmp_path: Path) -> None:
    """Use an environment with what the company imports, in the versions of constraints.txt."""
    venv = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", venv], check=True, capture_output=True)
    wanted = ["faker", "jinja2", "numpy", "pyarrow", "pydantic", "pyyaml", "sqlalchemy", "pandas"]
    wanted += ["pytest", "hypothesis"]
    install = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "-c",
        "constraints.txt",
    ]
    subprocess.run([*install, *wanted], check=True, capture_output=True, cwd=_REPOSITORY)
    code = (
        "import sys\n"
        "from saas_platform.company import Company\n"
        "from saas_platform_tests.company.test_same_company import digest_of\n"
        "from saas_platform_tests.company.world import AS_OF, SMALL, months\n"
        "print(digest_of(Company(SMALL).batch(months()[7], AS_OF)), sys.version_info[1])"
    )
    run = subprocess.run(
        [venv / "bin" / "python", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=_REPOSITORY,
    )
    assert run.returncode == 0, run.stderr
    digest, minor = run.stdout.split()
    assert python.name == f"python3.{minor}"
    assert digest == json.loads(_GOLDEN.read_text())["months"][str(months()[7])]
