"""Test that personal columns are recognised by whole words in many languages and by their values."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from saas_platform.schema.columns import PII_KINDS
from saas_platform.source.personal import personal, personal_kind, words

NAMES = {
    "email": "mail e_mail E-Mail eMail email_address courriel Correo KundenE-Mail user_mail epost",
    "name": "vorname Nachname prénom nombre apellido firstName LAST_NAME contact_name username"
    " nazwisko förnamn achternaam cognome sobrenome",
    "phone": "telefon handy mobile tel phone2 fax HomePhone téléphone_portable/tel telefoonnummer",
    "address": "adresse straße plz street billing_address PostalCode zip BillingAddress endereço ulica",
    "national_id": "ssn social_security steuer_id passport_no ausweisnummer PESEL license_plate kennzeichen"
    " codice_fiscale",
    "bank": "iban bic kontonummer",
    "card": "card_number credit_card CreditCardNumber cvv",
    "birth_date": "birth_date bday geburtsdatum DOB BirthDate date_naissance fecha_nacimiento",
    "free_text": "notes comment Bemerkung remarques opmerking",
    "credential": "token password api_key client_secret password_hash mot_de_passe apiKey",
    "ip": "ip_address ip last_ip IPAddress client_ip",
    "location": "latitude longitude lat lng",
}
NO_NAMES = (
    "filename hostname file_name name title product_name table_name emailed notebook tokenizer mobility"
    " tip ship zipper plate latency planet email_sent_at phone_type address_id has_mobile is_passport_valid"
    " token_count notes_count email_verified passport_required total created_at status country city"
    " description platform telescope dobro ibanez recipe via cell commentary_id ip_version secretary"
)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in NAMES.items() for name in names.split()]
)
def test_words_of_names(kind: str, name: str) -> None:
    assert personal_kind(name) == kind


@pytest.mark.parametrize("name", NO_NAMES.split())
def test_other_names(name: str) -> None:
    assert personal_kind(name) is None


@pytest.mark.parametrize(
    ("table", "name", "kind"),
    [
        ("customers", "name", "name"),
        ("User", "Name", "name"),
        ("crm_contacts", "name", "name"),
        ("kunden", "Nom", "name"),
        ("utilisateurs", "nom", "name"),
        ("products", "name", None),
        ("user_roles", "name", None),
        ("customers", "plan_name", None),
        ("customers", "status", None),
        ("", "name", None),
    ],
)
def test_a_name_is_personal_in_a_table_of_persons(table: str, name: str, kind: str | None) -> None:
    assert personal_kind(name, [], sa.String(), table) == kind
    assert personal_kind(name, [], sa.BigInteger(), table) is None


def test_every_kind_has_words_and_is_documented() -> None:
    assert set(NAMES) == set(PII_KINDS)
    docs = (Path(__file__).parents[2] / "docs" / "own-database.md").read_text()
    assert all(f"`{kind}`" in docs for kind in PII_KINDS)


def test_words_are_split_at_capitals_digits_and_other_characters() -> None:
    assert words("KundenE-Mail_2") == ["kunden", "e", "mail", "2"]
    assert words("IPAddress") == ["ip", "address"]
    assert words("Übergröße Łódź") == ["ubergrosse", "lodz"]


@pytest.mark.parametrize(
    ("name", "type_", "kind"),
    [
        ("mobile", sa.Boolean(), None),
        ("token", sa.BigInteger(), None),
        ("note", sa.Double(), None),
        ("mail", sa.DateTime(), None),
        ("geburtsdatum", sa.Date(), "birth_date"),
        ("phone", sa.BigInteger(), "phone"),
        ("latitude", sa.Double(), "location"),
        ("password", sa.LargeBinary(), "credential"),
        ("photo", sa.LargeBinary(), None),
        ("email", sa.String(), "email"),
    ],
)
def test_a_type_rules_out_what_it_can_not_hold(
    name: str, type_: sa.types.TypeEngine[object], kind: str | None
) -> None:
    assert personal_kind(name, [], type_) == kind


def _luhn(prefix: str, length: int, rng: random.Random) -> str:
    """Return a number with a valid check digit, found by trying all ten."""
    body = prefix + "".join(rng.choice("0123456789") for _ in range(length - 1 - len(prefix)))
    for check in "0123456789":
        total = 0
        for place, digit in enumerate(reversed(body + check)):
            number = int(digit) * (2 if place % 2 else 1)
            total += number // 10 + number % 10
        if total % 10 == 0:
            return body + check
    raise AssertionError


_RNG = random.Random(7)
VALUES = {
    "email": ["ada@example.org", "bob.b@mail.example.com", "c+d@example.de", "dörte@beispiel.de"],
    "phone": ["+49 30 1234567", "+1 (212) 555-0123", "030/1234567", "01 23 45 67 89", "(212) 555-0101"],
    "bank": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"],
    "card": [_luhn("4", 16, _RNG) for _ in range(12)],
    "national_id": ["RSSMRA85T10A562S", "12345678Z", "X1234567L", "255081416802538", "811228-9874"],
    "ip": ["10.0.0.1", "192.168.1.20", "2001:db8::1", "8.8.8.8"],
    "credential": ["$2b$12$" + "a" * 53, "$2b$12$" + "b" * 53, "$2b$12$" + "c" * 53],
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_forms_of_values(kind: str) -> None:
    found = personal("c7", [*VALUES[kind], None, ""])
    assert found is not None
    assert found.kind == kind
    assert f"of {len(VALUES[kind])} sampled values" in found.why


@pytest.mark.parametrize("kind", VALUES)
def test_a_minority_of_values_does_not_mark_a_column(kind: str) -> None:
    values = VALUES[kind]
    assert personal_kind("c7", [*values, *(f"word {n}" for n in range(len(values)))]) is None
    assert personal_kind("c7", [values[0]] * 50) is None


@pytest.mark.parametrize("ids", [["123-45-6789", "078-05-1121", "212-09-9998"], ["AB123456C", "CE 12 34 56 D", "JG103759A"]])  # fmt: skip
def test_ids_without_a_checksum_by_their_form(ids: list[str]) -> None:
    assert personal_kind("c7", ids) == "national_id"


@pytest.mark.parametrize(
    ("valid", "weights", "modulo"),
    [("44051401359", (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10), ("111222333", (9, 8, 7, 6, 5, 4, 3, 2, -1), 11)],
)  # fmt: skip
def test_ids_of_digits_only_need_many_values(
    valid: str, weights: tuple[int, ...], modulo: int
) -> None:
    """Compare numbers with a valid check digit and the same numbers with one digit changed."""
    head = valid[:6] if modulo == 10 else "1"
    rng = random.Random(1)
    right: list[str] = []
    while len(right) < 20:
        tried = head + "".join(rng.choice("0123456789") for _ in range(len(valid) - len(head)))
        if sum(int(d) * w for d, w in zip(tried, weights, strict=True)) % modulo == 0:
            right.append(tried)
    assert personal_kind("c7", right) == "national_id"
    assert personal_kind("c7", right[:5]) is None
    assert personal_kind("c7", [f"{text[:-1]}{(int(text[-1]) + 1) % 10}" for text in right]) is None


def test_numbers_of_digits_with_the_countries_separators() -> None:
    rng = random.Random(3)
    found: set[str] = set()
    while len(found) < 12:
        digits = [rng.randrange(10) for _ in range(9)]
        for _ in range(2):  # CPF: two check digits, by weights that fall to 2
            total = sum(d * w for d, w in zip(digits, range(len(digits) + 1, 1, -1), strict=True))
            digits.append(total * 10 % 11 % 10)
        n = "".join(map(str, digits))
        found.add(f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}")
    assert personal_kind("c7", sorted(found)) == "national_id"


OTHERS: dict[str, list[object]] = {
    "surrogate keys": list(range(100_000_001, 100_000_300)),
    "long numbers": [4_000_000_000_000_000 + n for n in range(200)],
    "dates": [f"2024-{m:02d}-{d:02d}" for m in range(1, 13) for d in (1, 15)],
    "days first": [f"{d:02d}-{m:02d}-2024" for m in range(1, 13) for d in (1, 15)],
    "times": [f"2024-01-{d:02d} 10:00:00" for d in range(1, 28)],
    "uuids": [f"123e4567-e89b-12d3-a456-42661417{n:04d}" for n in range(30)],
    "prices": [f"{n}.99" for n in range(50)],
    "handles": [f"@user{n}" for n in range(20)],
    "products": [f"AB-{n:05d}" for n in range(50)],
    "words": ["red", "green", "blue", "yellow"] * 5,
    "floats": [1.5, 2.5, 3.5],
    "flags": [True, False, True, True],
    "nothing": [None] * 10,
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_values(what: str) -> None:
    assert personal_kind("c7", OTHERS[what]) is None


def test_a_version_of_four_numbers_is_not_an_ip_address() -> None:
    assert personal_kind("app_version", ["1.2.3.4", "1.2.3.5", "2.0.0.1"]) is None
