"""The exported company has the end state of every table, the truth, and a card that documents it."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
import yaml

from saas_platform.company import Company, read_config
from saas_platform.company import export as exporting
from saas_platform.company.export import CARD, CONFIG, ExportError, export
from saas_platform.schema import TABLES
from saas_platform_tests.company.world import AS_OF, SMALL, batches_of, end_state, key_of

_REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "saas_platform.company", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PYTHONPATH": str(_REPOSITORY), "PATH": ""},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "company"
    export(SMALL, AS_OF, folder, "parquet")
    return folder


@pytest.mark.slow
def test_parquet_is_the_end_state_of_every_table(folder: Path) -> None:
    expected = end_state(batches_of(SMALL))
    for name in TABLES:
        ours = pq.read_table(folder / f"{name}.parquet").to_pandas()
        theirs = expected[name].sort_values(key_of(name)).reset_index(drop=True)
        assert len(ours), name
        pd.testing.assert_frame_equal(
            ours.sort_values(key_of(name)).reset_index(drop=True), theirs, check_dtype=False
        )


@pytest.mark.slow
def test_csv_has_the_same_rows(folder: Path, tmp_path: Path) -> None:
    export(SMALL, AS_OF, tmp_path / "text", "csv")
    for name in TABLES:
        parquet = pq.read_table(folder / f"{name}.parquet")
        options = pcsv.ConvertOptions(
            column_types=parquet.schema, strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        text = pcsv.read_csv(tmp_path / "text" / f"{name}.csv", convert_options=options)
        assert text.to_pylist() == parquet.to_pylist(), name


def test_the_truth_is_next_to_the_tables(folder: Path, tmp_path: Path) -> None:
    for name, table in Company(SMALL).truth(AS_OF).items():
        assert pq.read_table(folder / "truth" / f"{name}.parquet").equals(table), name
    done = export(SMALL, datetime(2024, 3, 1), tmp_path / "plain", "csv", truth=False)
    assert not (done.folder / "truth").exists()
    assert "truth/" not in (done.folder / CARD).read_text()


@pytest.mark.slow
def test_the_card_states_the_true_parameters_and_the_command(folder: Path, tmp_path: Path) -> None:
    card = (folder / CARD).read_text()
    stated = yaml.safe_load(card.split("```yaml\n")[-1].split("```")[0])
    assert stated["churn"]["monthly"] == list(SMALL.parameters.churn.monthly)
    assert stated["promotions"]["campaigns"][0]["hazard_ratio"] == 1.75
    for table in TABLES.values():
        assert f"### {table.name}\n" in card
        assert all(f"| {c.name} |" in card for c in table.columns if c.name != "row_version")
    assert "| true_hazard_ratio | double | Factor on the voluntary hazard" in card
    assert read_config(folder / CONFIG) == SMALL
    (command,) = [line.strip() for line in card.splitlines() if line.startswith("    python -m")]
    arguments = command.removeprefix("python -m saas_platform.company ").split()
    arguments[arguments.index("company.yaml")] = str(folder / CONFIG)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for path in folder.rglob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes()


@pytest.mark.few
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", "none.yaml"), "none.yaml can't be read"),
        (("--accounts", "0"), "accounts is 0: write a number of at least 1"),
        (("--as-of", "2023-01-01"), "--as-of 2023-01-01 leaves no day after the start, 2024-01"),
        (("--out", "taken"), "taken exists already: remove it, or name another folder with --out"),
        (("--out", "taken/file/x"), "taken/file/x can't be written"),
        (("--start", "spring"), "'spring' is not a month"),
        (("--format", "xls"), "'xls' is not one of"),
    ],
)
def test_wrong_arguments(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting._Writer, "write", full)
    with pytest.raises(ExportError, match="No space left on device"):
        export(SMALL, AS_OF, tmp_path / "company", "csv")
    assert list(tmp_path.iterdir()) == []
