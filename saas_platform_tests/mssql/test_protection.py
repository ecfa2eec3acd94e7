"""Masks, policies and encryption: a table of which a login sees only a part is never mirrored as complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import protection
from saas_platform.source.mssql.protection import Protection
from saas_platform_tests.mssql.stub import ADDRESS, DATABASE, FakeError, Server, snapshot_of

PEOPLE = sa.Table(
    "people",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
    sa.Column("mail", sa.String, info={"declared": "nvarchar(9)", "source_name": "email"}),
)
#: The same table without the protected column.
REST = sa.Table(
    "people",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
)
OTHER = sa.Table(
    "other",
    sa.MetaData(),
    sa.Column("email", sa.String, info={"declared": "nvarchar(9)"}),
)
IDS = {
    "SELECT OBJECT_ID(N'[sales].[people]')": (70,),
    "SELECT OBJECT_ID(N'[sales].[other]')": (80,),
}
MASKED = {"sys.masked_columns c": [(70, "email")]}
ENCRYPTED = {"encryption_type": [(70, "email")]}
POLICY = {"sys.security_predicates": [(70, "only_own_rows")]}

#: Every method that reads rows; the catalogue itself is not protected.
READS: list[Any] = [
    lambda snapshot, table: snapshot.rows(table, slices=[]).read_all(),
    lambda snapshot, table: snapshot.row_texts(table).read_all(),
    lambda snapshot, table: snapshot.cells(table).read_all(),
    lambda snapshot, table: snapshot.slice_counts(table),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (MASKED, r"^people\.mail is masked for this login.*: have an administrator GRANT UNMASK"),
        (ENCRYPTED, r"^people\.mail is encrypted by Always Encrypted.*: leave the column out"),
        (
            POLICY,
            r"^The security policy only_own_rows filters the rows of people.*: exempt the log",
        ),
    ],
)
def test_a_table_of_which_something_is_kept_back_is_refused(
    monkeypatch: pytest.MonkeyPatch, read: Any, kept: dict[str, Any], expected: str
) -> None:
    server = Server({**DATABASE, **IDS, **kept, "SELECT SCHEMA_ID(": (1,)})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match=expected):
            read(snapshot, PEOPLE)
        read(snapshot, OTHER)  # one table never stops another


@pytest.mark.parametrize("kept", [MASKED, ENCRYPTED])
def test_a_column_that_is_left_out_keeps_nothing_back(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    with snapshot_of(Server({**DATABASE, **IDS, **kept}), monkeypatch) as snapshot:
        assert snapshot.slice_counts(REST) == {}


def test_a_new_column_is_reported_as_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning on a new column would else propose a line that stops the table."""
    columns = [(name, "int", "int", 4, 10, 0, True) for name in ("id", "email")]
    server = Server(
        {**DATABASE, **IDS, **MASKED, "FROM sys.columns c WHERE c.object_id = OBJ": columns}
    )
    with snapshot_of(server, monkeypatch) as snapshot:
        found = {column.name: column.unreadable for column in snapshot.columns(PEOPLE)}
    assert found["id"] is None
    assert str(found["email"]).startswith("is masked for this login, so that a mirror would hold")


def test_visible_rows_are_mirrored_on_request_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = replace(ADDRESS, rows_as_seen=True)
    with snapshot_of(Server({**DATABASE, **IDS, **POLICY}), monkeypatch, seen) as snapshot:
        assert snapshot.slice_counts(PEOPLE) == {}
        (note,) = snapshot.notes(PEOPLE)
        assert "people is mirrored and proven as far as the security policy only_own_rows" in note
        assert snapshot.notes(OTHER) == ()
    masked = Server({**DATABASE, **IDS, **MASKED, **POLICY})
    with (
        snapshot_of(masked, monkeypatch, seen) as snapshot,
        pytest.raises(SourceError, match="is masked for this login"),
    ):
        snapshot.slice_counts(PEOPLE)


def test_a_server_that_knows_none_of_it_keeps_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = FakeError("42S02", "Invalid object name 'sys.masked_columns'. (208)")
    answers = {"sys.masked_columns": unknown, "encryption_type": unknown, "security_pred": unknown}
    server = Server({**DATABASE, **answers})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.slice_counts(PEOPLE) == {}
        began = server.statements.index("BEGIN TRANSACTION")
        for words in answers:
            asked = [n for n, sql in enumerate(server.statements) if words in sql]
            assert asked
            assert max(asked) < began, "an error might end it"
        assert not any("OBJECT_ID(N'[sales]" in sql for sql in server.statements), (
            "it costs nothing"
        )


@pytest.mark.parametrize("right", [0, 1, None])
@pytest.mark.parametrize("has_policies", [True, False])
def test_a_login_that_may_not_see_policies_is_reported(
    monkeypatch: pytest.MonkeyPatch, right: int | None, has_policies: bool
) -> None:
    """The server answers NULL for a name that it can't parse, which does not count as a permission."""
    unknown = FakeError("42S02", "Invalid object name 'sys.security_predicates'. (208)")
    policies: Any = [] if has_policies else unknown
    answers = {**DATABASE, **IDS, "'VIEW DEFINITION'": (right,), "sys.security_pred": policies}
    with snapshot_of(Server(answers), monkeypatch) as snapshot:
        reported = snapshot._session.features.words()
        notes = snapshot.notes(PEOPLE)
    hidden = right != 1 and has_policies
    assert ("no right to see the security policies" in reported) == hidden
    assert len(notes) == hidden
    for note in notes:
        assert note.startswith("people is mirrored and proven as far as security policies let this")
        assert "GRANT VIEW DEFINITION" in note


def test_a_right_is_asked_for_by_names_that_the_server_can_read() -> None:
    """A database `a.b` needs brackets, and a column must not have any."""
    for query in (protection.MASKED, protection.SEES_DEFINITIONS):
        assert "HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE'" in query
        assert "HAS_PERMS_BY_NAME(DB_NAME()" not in query
    assert "'UNMASK', c.name, 'COLUMN')" in protection.MASKED
    # NULL, the answer for a right that a server does not know, counts as hidden.
    assert protection.MASKED.count("HAS_PERMS_BY_NAME") == protection.MASKED.count(", 0) = 0")


COMPUTED = {"c.is_computed = 1 AND c.object_id IN": [(70, "email"), (80, "email")]}
SOURCES = "sys.sql_expression_dependencies"
MASKED_ELSEWHERE = {"sys.masked_columns c": [(70, "phone")]}
_NO_RIGHT = FakeError("42000", "The SELECT permission was denied on the object. (229)")


@pytest.mark.parametrize(
    ("sources", "right", "expected"),
    [
        (
            [(70, "email", "phone"), (70, "email", "id")],
            1,
            r"^people\.mail is computed from a column",
        ),
        (_NO_RIGHT, 1, r"^people\.mail is computed in a table.*GRANT SELECT ON sys\.sql_expr"),
        ([], 0, r"^people\.mail is computed in a table that has columns masked"),
        ([], None, r"^people\.mail is computed in a table that has columns masked"),
        ([(70, "email", "id")], 1, None),
        ([], 1, None),
    ],
)
def test_a_column_that_is_computed_from_a_masked_one_is_masked(
    monkeypatch: pytest.MonkeyPatch, sources: Any, right: int | None, expected: str | None
) -> None:
    answers = {**DATABASE, **IDS, **COMPUTED, SOURCES: sources, "'VIEW DEFINITION'": (right,)}
    server = Server({**answers, **MASKED_ELSEWHERE, "sys.security_pred": []})
    with snapshot_of(server, monkeypatch) as snapshot:
        if expected is None:
            snapshot.slice_counts(PEOPLE)
        else:
            with pytest.raises(SourceError, match=expected):
                snapshot.slice_counts(PEOPLE)
        snapshot.slice_counts(OTHER)
        snapshot.slice_counts(REST)


def test_with_unmask_computed_columns_are_as_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server({**DATABASE, **IDS, **COMPUTED, SOURCES: [(70, "email", "phone")]})
    with snapshot_of(server, monkeypatch) as snapshot:
        snapshot.slice_counts(PEOPLE)
        assert not any(SOURCES in sql for sql in server.statements), "it costs nothing"


@pytest.mark.parametrize(
    "query",
    [
        protection.MASKED,
        protection.COMPUTED,
        protection.SOURCES,
        protection.ENCRYPTED,
        protection.POLICIES,
        protection.SEES_DEFINITIONS,
    ],
)
def test_the_queries_parse(query: str) -> None:
    assert sqlglot.parse_one(query, dialect="tsql").key == "select"


def test_only_policies_that_filter_and_are_on_count() -> None:
    assert "s.is_enabled = 1 AND p.predicate_type = 0" in protection.POLICIES
    assert not Protection()
    assert Protection(policies={1: ("p",)})
