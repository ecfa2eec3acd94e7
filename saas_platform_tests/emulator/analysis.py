"""Find SQL that BigQuery would refuse and the emulator accepts, by Google's own analyzer of BigQuery's SQL.

The emulator's own Python runs it, in the emulator's process. Contains: the analyzer's catalogue of the
emulator's tables, and three rules of BigQuery that the analyzer does not check: bounds for a table that
requires them, and an equality in each outer join and in each correlated subquery. Out of scope: running SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import compiled  # type: ignore[import-not-found]  # noqa: F401 - before the analyzer
from zetasql import types as t
from zetasql.api import Analyzer, FunctionBuilder, TableBuilder
from zetasql.core.exceptions import ZetaSQLError

#: BigQuery's names of types that the analyzer does not have, and aliases and functions that only BigQuery has.
_KINDS = {"INTEGER": "INT64", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE", "BOOLEAN": "BOOL"}
_ALIASES = ("INT", "INTEGER", "SMALLINT", "TINYINT", "BIGINT", "BYTEINT")
_ONE_BY_ANOTHER = ("MAX_BY", "MIN_BY")
_EQUAL = "ZetaSQL:$equal"
_AND = "ZetaSQL:$and"
_BOUNDS = ("ZetaSQL:$greater_or_equal", "ZetaSQL:$greater", "ZetaSQL:$between", _EQUAL)
_READS = (t.ResolvedTableScan, t.ResolvedWithRefScan)
#: Errors that the emulator itself reports.
_ABSENT = ("Table not found", "Dataset not found")

_LANGUAGE = t.LanguageOptions.maximum_features()
_LANGUAGE.product_mode = t.ProductMode.PRODUCT_EXTERNAL
_OPTIONS = t.AnalyzerOptions(language_options=_LANGUAGE)


class Table(NamedTuple):
    """A table of the emulator."""

    columns: list[tuple[str, t.Type]]
    #: The column for which every query needs a bound.
    bounded: str | None = None


#: Tables by dataset and name.
Datasets = dict[str, dict[str, Table]]


def refusal(project: str, sql: str, datasets: Datasets) -> str | None:
    """Return why BigQuery would refuse the SQL, of one or more statements; None if no reason was found."""
    place, end = t.ParseResumeLocation(input=sql, byte_position=0), len(sql.rstrip(" \n;").encode())
    while place.byte_position < end:
        analyzer = Analyzer(_OPTIONS, _catalog(project, datasets))
        try:
            resolved = analyzer.analyze_next_statement(place)
        except ZetaSQLError as error:
            message = str(error)
            return None if any(each in message for each in _ABSENT) else message
        if found := next(_breaches(resolved, []), None):
            return found
        _create(resolved, datasets)
    return None


def type_of(name: str, mode: str) -> t.Type:
    """Return the analyzer's type of a column."""
    kind = getattr(t.TypeKind, f"TYPE_{_KINDS.get(name, name)}")
    made = t.Type(type_kind=int(kind))
    if mode != "REPEATED":
        return made
    return t.Type(type_kind=int(t.TypeKind.TYPE_ARRAY), array_type=t.ArrayType(element_type=made))


def _catalog(project: str, datasets: Datasets) -> t.SimpleCatalog:
    made = [
        t.SimpleCatalog(name=name, table=[_table(each, of) for each, of in tables.items()])
        for name, tables in datasets.items()
    ]
    whole = int(t.TypeKind.TYPE_INT64)
    root = t.SimpleCatalog(
        name="root",
        table=[],
        catalog=[*made, t.SimpleCatalog(name=project, table=[], catalog=made)],
        builtin_function_options=t.ZetaSQLBuiltinFunctionOptions(language_options=_LANGUAGE),
        named_type=[
            t.SimpleCatalog.NamedType(name=alias, type=t.Type(type_kind=whole))
            for alias in _ALIASES
        ],
    )
    for name in _ONE_BY_ANOTHER:
        root.add_function(_one_by_another(name))
    return root


def _table(name: str, of: Table) -> t.SimpleTable:
    # This number is all that the analyzer returns of a table. It holds the position of the bounded column.
    places = [name for name, _ in of.columns]
    builder = TableBuilder(name, places.index(of.bounded) + 1 if of.bounded else None)
    for column, kind in of.columns:
        builder.add_column(column, kind)
    return builder.build()


def _one_by_another(name: str) -> t.Function:
    """Return an aggregate function of two arguments whose result has the type of the first."""
    one, two = (
        t.FunctionArgumentType(
            kind=kind,
            num_occurrences=-1,
            options=t.FunctionArgumentTypeOptions(
                cardinality=t.FunctionEnums.ArgumentCardinality.REQUIRED
            ),
        )
        for kind in (
            t.SignatureArgumentKind.ARG_TYPE_ANY_1,
            t.SignatureArgumentKind.ARG_TYPE_ANY_2,
        )
    )
    signature = t.FunctionSignature(argument=[one, two], return_type=one)
    mode = t.FunctionEnums.Mode.AGGREGATE
    return FunctionBuilder(name, "BigQuery", mode).add_signature(signature).build()


def _create(resolved: Any, datasets: Datasets) -> None:
    """Add what a statement creates, so that the statements after it can use it."""
    if not isinstance(resolved, t.ResolvedCreateTableAsSelectStmt | t.ResolvedCreateViewStmt):
        return
    path = ".".join(resolved.name_path).split(".")
    columns = [(each.name, each.column.type) for each in resolved.output_column_list]
    datasets.setdefault(path[-2], {})[path[-1]] = Table(columns)


def _nodes(of: Any) -> Iterator[Any]:
    """Yield the node and all nodes below it."""
    if isinstance(of, list):
        for each in of:
            yield from _nodes(each)
    elif is_dataclass(of):
        yield of
        for each in fields(of):
            yield from _nodes(getattr(of, each.name))


def _breaches(node: Any, conditions: Sequence[Any]) -> Iterator[str]:
    """Yield what breaks a rule, in the node and all nodes below it. The conditions hold for all of its rows."""
    match node:
        case list():
            for each in node:
                yield from _breaches(each, conditions)
        case t.ResolvedTableScan() if node.table.serialization_id:
            yield from _unbounded(node, conditions)
        case t.ResolvedFilterScan():
            yield from _breaches(node.filter_expr, [])
            yield from _breaches(node.input_scan, [*conditions, *_parts(node.filter_expr)])
        case t.ResolvedJoinScan():
            yield from _without_equality(node)
            for side in (node.join_expr, node.left_scan, node.right_scan):
                yield from _breaches(side, [*conditions, *_parts(node.join_expr)])
        case t.ResolvedDeleteStmt() | t.ResolvedUpdateStmt():
            yield from _breaches(node.table_scan, _parts(node.where_expr))
            yield from _below(node, [], "table_scan")
        case t.ResolvedInsertStmt():
            yield from _below(node, [], "table_scan")
        case t.ResolvedMergeStmt():
            yield from _breaches(node.table_scan, _parts(node.merge_expr))
            yield from _below(node, [], "table_scan")
        case t.ResolvedSubqueryExpr():
            yield from _without_correlated_equality(node)
            yield from _below(node, [])
        case _ if is_dataclass(node):
            yield from _below(node, conditions)


def _below(node: Any, conditions: Sequence[Any], *but: str) -> Iterator[str]:
    for each in fields(node):
        if each.name not in but:
            yield from _breaches(getattr(node, each.name), conditions)


def _parts(condition: Any) -> list[Any]:
    """Return the parts of a condition that must all be true."""
    if _name(condition) != _AND:
        return [] if condition is None else [condition]
    return [part for each in condition.argument_list for part in _parts(each)]


def _name(expression: Any) -> str | None:
    called = isinstance(expression, t.ResolvedFunctionCall)
    return expression.function.name if called else None


def _columns(expression: Any) -> set[int]:
    return {
        each.column.column_id
        for each in _nodes(expression)
        if isinstance(each, t.ResolvedColumnRef)
    }


def _unbounded(scan: Any, conditions: Sequence[Any]) -> Iterator[str]:
    place = scan.table.serialization_id - 1
    found = [
        column.column_id
        for column, of in zip(scan.column_list, scan.column_index_list, strict=True)
        if of == place
    ]
    for condition in conditions:
        if _name(condition) in _BOUNDS:
            first, *others = condition.argument_list
            if _columns(first) == set(found) != set() and not _columns(others):
                return
    yield f"Cannot query over table {scan.table.name} without a filter that can eliminate partitions"


def _without_equality(join: Any) -> Iterator[str]:
    if join.join_type == t.ResolvedJoinScanEnums.JoinType.INNER:
        return
    left, right = (
        {column.column_id for column in side.column_list}
        for side in (join.left_scan, join.right_scan)
    )
    for part in _parts(join.join_expr):
        if _name(part) == _EQUAL:
            one, other = map(_columns, part.argument_list)
            if (one <= left and other <= right) or (one <= right and other <= left):
                return
    kind = join.join_type.name
    yield f"{kind} OUTER JOIN cannot be used without an equality of fields from both sides of the join"


def _without_correlated_equality(subquery: Any) -> Iterator[str]:
    """Yield a breach if a correlated subquery reads rows without an equality with the outer query."""
    outside = {each.column.column_id for each in subquery.parameter_list}
    inside = list(_nodes(subquery.subquery))
    if not outside or not any(isinstance(each, _READS) for each in inside):
        return
    for each in inside:
        if _name(each) == _EQUAL:
            sides = [_columns(side) for side in each.argument_list]
            if any(side and side <= outside for side in sides) and any(
                side and not side & outside for side in sides
            ):
                return
    yield "Correlated subqueries are not supported unless they can be made a join by an equality"
