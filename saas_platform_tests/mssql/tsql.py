"""Evaluate T-SQL expressions without a server, as Microsoft's documentation describes them.

Contains: a parser for the few forms that `sql.py` and `canonical.py` write. It shares no code with them. Out of
scope: whole statements, the conversions of types (tsql_values.py), and expectations of any test.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from saas_platform_tests.mssql.tsql_values import NUMBERS, ONLY_TO, Sql, convert, ticks_in

_TOKEN = re.compile(
    r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<name>\[(?:[^\]]|\]\])*\])|(?P<hex>0x[0-9A-Fa-f]*)"
    r"|(?P<number>\d+(?:\.\d+)?(?:e\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign>[-+*%(),.=<]))"
)
_WIDE_SIGNS = str.maketrans({"\uff07": "'", "\uff5c": "|"})


def evaluate(expression: str, columns: Mapping[str, Sql]) -> Sql:
    """Return the value of an expression for a row."""
    reader = _Reader(expression, columns)
    found = reader.sum()
    assert reader.kind is None, reader.rest
    return found


def refused(statement: str, declared: Mapping[str, str]) -> list[str]:
    """Return what a server refuses of a statement before it reads a row, even in branches that are never taken.

    These are forbidden conversions of columns, and functions that do not accept the types of their arguments.
    """
    found = []
    for name, kind in declared.items():
        column = re.escape(f"[{name}]")
        if kind not in ONLY_TO:
            continue
        made = re.findall(rf"CONVERT\((\w+)(?:\([^)]*\))?, {column}", statement, re.IGNORECASE)
        made += re.findall(rf"CAST\({column} AS (\w+)", statement, re.IGNORECASE)
        found += [f"{kind} to {each}" for each in made if each.lower() not in ONLY_TO[kind]]
        taken = re.findall(rf"(\w+)\({column}", statement)
        found += [f"{each} of {kind}" for each in taken if each not in ("CAST", "ISNULL", "COUNT")]
    return found


@cache
def _tokens(text: str) -> list[tuple[str | None, str]]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        assert match is not None, text[place:]
        found.append((match.lastgroup, match[match.lastgroup or 0]))
        place = match.end()
    return found


class _Reader:
    def __init__(self, text: str, columns: Mapping[str, Sql]) -> None:
        self.columns = columns
        self.tokens = _tokens(text)
        self.place = 0

    @property
    def kind(self) -> str | None:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else None

    @property
    def word(self) -> str:
        return self.tokens[self.place][1].upper() if self.place < len(self.tokens) else ""

    @property
    def rest(self) -> str:
        return " ".join(text for _, text in self.tokens[self.place :])

    def take(self, *words: str) -> str:
        found = self.tokens[self.place][1]
        assert not words or found.upper() in words, (words, self.rest)
        self.place += 1
        return found

    def takes(self, *words: str) -> bool:
        if self.word in words and self.kind in ("word", "sign"):
            self.place += 1
            return True
        return False

    def condition(self) -> bool:
        found = self.conjunction()
        while self.takes("OR"):
            other = self.conjunction()
            found = found or other
        return found

    def conjunction(self) -> bool:
        found = self.comparison()
        while self.takes("AND"):
            other = self.comparison()
            found = found and other
        return found

    def comparison(self) -> bool:
        if self.word == "(" and self._is_condition():
            self.take("(")
            found = self.condition()
            self.take(")")
            return found
        left = self.sum()
        if self.takes("LIKE"):
            return _like(left, self.sum())
        if self.takes("IN"):
            self.take("(")
            choices = [self.sum().value]
            while self.takes(","):
                choices.append(self.sum().value)
            self.take(")")
            return left.value in choices
        if self.takes("<"):
            self.take("=")
            most = self.sum()
            return left.value is not None and left.value <= most.value
        self.take("=")
        right = self.sum()
        return left.value is not None and left.value == right.value

    def _is_condition(self) -> bool:
        """Return whether the parenthesis that opens here contains conditions."""
        depth = 0
        for kind, text in self.tokens[self.place :]:
            depth += (text == "(") - (text == ")") if kind == "sign" else 0
            if depth == 0:
                return False
            if depth == 1 and kind == "word" and text.upper() in ("LIKE", "OR"):
                return True
        return False

    def sum(self) -> Sql:
        found = self.product()
        while self.word == "+" and self.kind == "sign":
            self.take("+")
            found = _plus(found, self.product())
        return found

    def product(self) -> Sql:
        found = self.collated()
        while self.kind == "sign" and self.word in ("%", "*"):
            sign, other = self.take(), self.collated()
            if found.value is None or other.value is None:
                found = Sql(found.kind, None)
            elif sign == "%":
                # The result has the sign of the dividend.
                rest = abs(found.value) % other.value
                found = Sql("bigint", -rest if found.value < 0 else rest)
            else:
                found = Sql("float", float(found.value) * float(other.value))
        return found

    def collated(self) -> Sql:
        found = self.single()
        while self.takes("COLLATE"):
            found = replace(found, binary=self.take().upper().endswith("_BIN2"))
        return found

    def single(self) -> Sql:
        kind, word = self.kind, self.word
        if kind == "text":
            text = self.take()
            return Sql("nvarchar", text[text.index("'") + 1 : -1].replace("''", "'"))
        if kind == "hex":
            return Sql("varbinary", bytes.fromhex(self.take()[2:]))
        if kind == "number":
            return Sql("int", int(self.take()))
        if kind == "name":
            return self.method(self.columns[self.take()[1:-1].replace("]]", "]")])
        if word == "(":
            self.take("(")
            found = self.sum()
            self.take(")")
            return found
        if word == "CASE":
            return self.case()
        self.take()
        self.take("(")
        found = self.function(word)
        self.take(")")
        return found

    def method(self, found: Sql) -> Sql:
        if self.word != ".":
            return found
        self.take(".")
        name = self.take().upper()
        assert name == "TOSTRING", name
        self.take("(")
        self.take(")")
        return Sql("nvarchar", found.value)

    def case(self) -> Sql:
        """Evaluate only the branch of a CASE that is taken."""
        self.take("CASE")
        subject = None if self.word == "WHEN" else self.sum()
        found: Sql | None = None
        while self.takes("WHEN"):
            if found is not None:
                self.skip("THEN")
            elif not (self.condition() if subject is None else self._is_equal(subject)):
                self.take("THEN")
            else:
                self.take("THEN")
                found = self.sum()
                continue
            self.skip("WHEN", "ELSE", "END")
        if self.takes("ELSE"):
            if found is None:
                found = self.sum()
            else:
                self.skip("END")
        self.take("END")
        return found or Sql("nvarchar", None)

    def skip(self, *words: str) -> None:
        """Skip tokens up to one of the words that belongs to the CASE that is open here."""
        depth = 0
        while depth or self.kind != "word" or self.word not in words:
            if self.kind == "word":
                depth += (self.word == "CASE") - (self.word == "END")
            self.place += 1
        if words == ("THEN",):
            self.place += 1

    def _is_equal(self, subject: Sql) -> bool:
        other = self.sum()
        return subject.value is not None and subject.value == other.value

    def type(self) -> tuple[str, int | None, int]:
        """Return the name of a type and the numbers after it; a size is None for MAX or if it is missing."""
        name, sizes = self.take().lower(), []
        if self.takes("("):
            sizes = [self.take()]
            while self.takes(","):
                sizes.append(self.take())
            self.take(")")
        numbers = [None if size.upper() == "MAX" else int(size) for size in sizes]
        return name, numbers[0] if numbers else None, (numbers[1:] or [0])[0] or 0

    def function(self, name: str) -> Sql:
        if name == "CONVERT":
            wanted = self.type()
            self.take(",")
            value = self.sum()
            style = int(self.take()) if self.takes(",") else 0
            return convert(value, *wanted, style=style)
        if name == "CAST":
            value = self.sum()
            self.take("AS")
            return convert(value, *self.type(), style=0)
        if name == "DATEDIFF_BIG":
            self.take("MICROSECOND")
            self.take(",")
            first = self.sum()
            self.take(",")
            last = self.sum()
            if last.value is None:
                return Sql("bigint", None)
            return Sql("bigint", ticks_in(last) // 10 - ticks_in(first) // 10)
        arguments = [self.sum()]
        while self.takes(","):
            arguments.append(self.sum())
        # Some functions accept these types, but it is not worth listing them here.
        assert arguments[0].kind not in ONLY_TO or name == "ISNULL", (name, arguments[0].kind)
        return _FUNCTIONS[name](*arguments)


def _isnull(value: Sql, other: Sql) -> Sql:
    return other if value.value is None else value


def _replace(text: Sql, old: Sql, new: Sql) -> Sql:
    if text.value is None:
        return text
    # In a collation other than BIN2, a full-width sign equals the sign.
    given = text.value if text.binary else text.value.translate(_WIDE_SIGNS)
    return replace(text, value=given.replace(old.value, new.value))


def _substring(text: Sql, first: Sql, size: Sql) -> Sql:
    start = first.value - 1
    found = None if text.value is None else text.value[start : start + size.value]
    return replace(text, value=found)


def _upper(text: Sql) -> Sql:
    return replace(text, value=text.value and text.value.upper())


def _lower(text: Sql) -> Sql:
    return replace(text, value=text.value and text.value.lower())


def _property(value: Sql, name: Sql) -> Sql:
    assert name.value == "BaseType"
    inner: Sql | None = value.value
    return Sql("nvarchar", None if inner is None else inner.kind)


def _len(text: Sql) -> Sql:
    """Return the length without trailing blanks."""
    return Sql("int", None if text.value is None else len(text.value.rstrip(" ")))


_FUNCTIONS: dict[str, Callable[..., Sql]] = {
    "ISNULL": _isnull,
    "REPLACE": _replace,
    "SUBSTRING": _substring,
    "UPPER": _upper,
    "LOWER": _lower,
    "LEN": _len,
    "SQL_VARIANT_PROPERTY": _property,
}


def _plus(left: Sql, right: Sql) -> Sql:
    assert not {left.kind, right.kind} & {*ONLY_TO}, "no operator takes them (402)"
    if left.value is None or right.value is None:
        return replace(left, value=None)
    if left.kind in NUMBERS:
        return Sql("bigint", left.value + right.value)
    return Sql("nvarchar", left.value + right.value, binary=left.binary or right.binary)


def _units(text: str) -> str:
    """Return the text with one character for each unit of UTF-16."""
    code = text.encode("utf-16-le", "surrogatepass")
    return "".join(map(chr, struct.unpack(f"<{len(code) // 2}H", code)))


def _like(text: Sql, pattern: Sql) -> bool:
    """Match a pattern that uses only `%` and sets of characters."""
    if text.value is None:
        return False
    assert text.binary or pattern.binary, "a range follows the collation"
    made = re.sub(r"%", ".*", _units(pattern.value))
    return re.fullmatch(made, _units(text.value), re.DOTALL) is not None
