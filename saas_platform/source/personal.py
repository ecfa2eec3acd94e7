"""Which columns hold personal data, by the words of their names and by a sample of their values.

Holds: the words of several languages, the forms and checksums of values, and the decision. Does not hold:
the drawing of a sample (each engine's discovery.py), or what is done about the column (tables.yaml).

Conservative, because a wrong mark hides values that someone needs: a name counts by whole words, so that
`filename` is none; values count where a clear majority of them has the form. A person looks the marks over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.columns import Pii

#: The share of the sampled values that must have a kind's form.
_MAJORITY = 0.8
#: Different values that a form must be seen in, and one of digits alone, which a number has by chance.
_FEWEST, _FEWEST_DIGITS = 3, 10
#: Values that are looked at; more of them would not change the answer.
SAMPLE = 1_000


@dataclass(frozen=True)
class Personal:
    """What kind of personal data a column holds, and why that is thought."""

    kind: Pii
    why: str


#: Words of names, accents left out, by kind; the first kind with a match is taken, so the narrower ones
#: come first. Words with blanks between them must follow one another. English, German, French, Spanish,
#: Italian, Dutch, Portuguese, Swedish, Polish.
_WORDS: dict[Pii, str] = {
    "credential": (
        "password, passwd, passwort, passphrase, pwd, kennwort, mot de passe, motdepasse, contrasena,"
        " clave secreta, wachtwoord, senha, losenord, haslo, secret, token, access token, api key, apikey,"
        " api secret, private key, access key, client secret, otp, totp"
    ),
    "email": (
        "email, e mail, mail, mails, emails, email address, mail address, courriel, correo, correo electronico,"
        " epost, e post, posta elettronica, mailadresse, emailadresse, email adresse"
    ),
    "ip": "ip, ip address, ip addr, ipaddress, ip adresse, ipv, remote addr, mac address, macaddress",
    "card": (
        "card number, cardnumber, card no, card num, credit card, creditcard, credit card number, ccnumber,"
        " cc number, pan number, kartennummer, kreditkarte, kreditkartennummer, carte bancaire, numero carte,"
        " numero tarjeta, tarjeta, kaartnummer, kortnummer, cartao, numer karty, cvv, cvc"
    ),
    "bank": (
        "iban, bic, swift code, bank account, account iban, kontonummer, konto nr, kontonr, blz, bankleitzahl,"
        " sort code, routing number, bank account number, numero compte, cuenta bancaria, bankrekening,"
        " rekeningnummer, numer konta, conta bancaria"
    ),
    "national_id": (
        "ssn, social security, social security number, social security no, national id, national insurance,"
        " nin, nino, passport, passport number, passport no, passport id, passeport, pasaporte, passaporto,"
        " paspoort, passaporte, reisepass, ausweis, ausweisnummer, ausweis nr, personalausweis,"
        " personalausweisnummer, steuer id, steuerid, steuer nr, steuernummer,"
        " steueridentifikationsnummer, sozialversicherungsnummer, tax id, taxid, tin, itin, dni, nie, nif,"
        " curp, codice fiscale, bsn, burgerservicenummer, cpf, pesel, nip, personnummer, numero secu,"
        " nir, driver license, drivers license, driving licence, license number, licence number,"
        " fuhrerschein, fuehrerschein, license plate, licence plate, number plate, plate number, kennzeichen,"
        " kfz kennzeichen, immatriculation, matricula, targa, kenteken, registreringsnummer"
    ),
    "phone": (
        "phone, phones, phone number, telephone, tel, telefon, telefonnummer, telefono, telefone, telefoon,"
        " telefoonnummer, telefonnr, handy, handynummer, mobile, mobil, mobilnummer, mobiltelefon, movil,"
        " cellphone, cellulare, celular, komorka, fax, faxnummer, rufnummer, msisdn, whatsapp"
    ),
    "birth_date": (
        "birth date, birthdate, date of birth, dob, birthday, birth year, year of birth, born, geburtsdatum,"
        " geburtstag, geboren, gebdatum, geb datum, date naissance, date de naissance, naissance,"
        " fecha nacimiento, fecha de nacimiento, nacimiento, data nascita, data di nascita, geboortedatum,"
        " data nascimento, data de nascimento, nascimento, fodelsedatum, data urodzenia"
    ),
    "location": (
        "latitude, longitude, lat, lng, lon, long lat, lat long, lat lng, geolocation, geo location,"
        " geo point, gps, breitengrad, langengrad, laengengrad, coordinates, koordinaten, latitud, longitud"
    ),
    "address": (
        "address, address line, address 1, address 2, addr, street, street name,"
        " street address, streetname, house number, housenumber, home address, postal, postal code, postalcode,"
        " postcode, post code, zip, zip code, zipcode, adresse, anschrift, strasse, str name, hausnummer, haus nr,"
        " hausnr, plz, postleitzahl, rue, code postal, codepostal, direccion, calle, codigo postal, indirizzo,"
        " cap code, adres, straat, straatnaam, huisnummer, endereco, rua, cep, adress, gata, gatuadress,"
        " postnummer, ulica, kod pocztowy, domicilio, domicile"
    ),
    "name": (
        "first name, firstname, fname, last name, lastname, lname, full name, fullname, given name, givenname,"
        " family name, familyname, middle name, middlename, maiden name, surname, sur name, forename,"
        " contact name, contactname, user name, username, nickname, nick name, display name, displayname,"
        " customer name, person name, patient name, employee name, contact person, vorname, nachname,"
        " familienname, geburtsname, zuname, prenom, nom de famille, nom famille, nombre, nombres, apellido,"
        " apellidos, cognome, voornaam, achternaam, tussenvoegsel, sobrenome, apelido, fornamn, efternamn, imie,"
        " nazwisko, ansprechpartner, kontaktperson"
    ),
    "free_text": (
        "note, notes, comment, comments, remark, remarks, bemerkung, bemerkungen, notiz, notizen, anmerkung,"
        " kommentar, kommentare, commentaire, commentaires, remarque, remarques, comentario, comentarios,"
        " observacion, observaciones, commento, commenti, osservazioni, opmerking, opmerkingen, observacao,"
        " observacoes, anteckning, uwagi, komentarz, free text, freetext, freitext"
    ),
}
#: What a name that ends so holds is said of the thing, and is not the thing.
_ABOUT = frozenset(
    [
        "id",
        "ids",
        "key",
        "type",
        "typ",
        "kind",
        "status",
        "state",
        "count",
        "counts",
        "verified",
        "valid",
        "validated",
        "sent",
        "at",
        "on",
        "enabled",
        "active",
        "format",
        "length",
        "template",
        "templates",
        "category",
        "domain",
        "level",
        "version",
        "source",
        "provider",
        "opt",
        "in",
        "flag",
        "expires",
        "expiry",
        "confirmed",
        "required",
        "available",
    ]
)
#: What a name that begins so holds, likewise.
_WHETHER = frozenset(
    ["is", "has", "num", "count", "no", "n", "allow", "allows", "use", "uses", "send", "sends"]
)

_NUMBERS: Collection[Pii] = ("phone", "card", "national_id", "bank", "location", "birth_date")


def personal_kind(
    name: str, values: Iterable[Any] = (), type_: sa.types.TypeEngine[Any] | None = None
) -> Pii | None:
    """The kind of personal data that a column holds; None: none that can be told.

    >>> personal_kind("customerEmail"), personal_kind("filename")
    ('email', None)
    """
    found = personal(name, values, type_)
    return None if found is None else found.kind


def personal(
    name: str, values: Iterable[Any] = (), type_: sa.types.TypeEngine[Any] | None = None
) -> Personal | None:
    """What personal data a column of that name holds, judged by the name, then by a sample of its values.

    A type, where one is given, rules out the kinds that it can't hold: a flag `mobile` is no number.
    """
    by_name = _by_name(name)
    if by_name is not None and (type_ is None or _can_hold(by_name.kind, type_)):
        return by_name
    if type_ is None or isinstance(type_, sa.String | sa.Integer):
        return _by_values(name, values)
    return None


def words(name: str) -> list[str]:
    """The words of a name, in small letters without accents: split at other characters and at capitals.

    >>> words("KundenE-Mail"), words("prénom_2"), words("IPAddress")
    (['kunden', 'e', 'mail'], ['prenom', '2'], ['ip', 'address'])
    """
    spelled = name.replace("ß", "ss").replace("ł", "l").replace("Ł", "L").replace("ø", "o")
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c)
    )
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return re.findall(r"[a-z]+|[0-9]+", apart.lower())


def _phrases() -> dict[tuple[str, ...], Pii]:
    return {
        tuple(phrase.split()): kind
        for kind, listed in reversed(_WORDS.items())
        for phrase in listed.split(", ")
    }


_PHRASES = _phrases()
_LONGEST = max(map(len, _PHRASES))
_ORDER = list(_WORDS)


def _by_name(name: str) -> Personal | None:
    found = words(name)
    if found and found[0] in _WHETHER:
        return None
    matches = []
    for start in range(len(found)):
        for end in range(min(len(found), start + _LONGEST), start, -1):
            kind = _PHRASES.get(tuple(found[start:end]))
            # A word behind the match says what is told of it: email_sent, phone_type.
            if kind is not None and not _ABOUT.intersection(found[end:]):
                matches.append((start - end, _ORDER.index(kind), start, end))
                break
    if not matches:
        return None
    _, place, start, end = min(matches, key=lambda match: (match[1], match[0]))
    return Personal(_ORDER[place], f"its name has {' '.join(found[start:end])!r}")


def _can_hold(kind: Pii, type_: sa.types.TypeEngine[Any]) -> bool:
    match type_:
        case sa.Boolean():
            return False
        case sa.Date() | sa.DateTime():
            return kind == "birth_date"
        case sa.Integer():
            return kind in _NUMBERS and kind != "location"
        case sa.Numeric() | sa.Float():
            return kind in _NUMBERS and kind != "birth_date"
        case sa.LargeBinary():
            return kind == "credential"
    return True


# By values.


def _by_values(name: str, values: Iterable[Any]) -> Personal | None:
    texts = [str(v).strip() for v in values if isinstance(v, str | int) and not isinstance(v, bool)]
    texts = [text for text in texts if text][:SAMPLE]
    for form in _FORMS:
        if form.other.intersection(words(name)):
            continue
        matching = [text for text in texts if form.has(text)]
        if len(set(matching)) >= form.fewest and len(matching) >= _MAJORITY * len(texts):
            return Personal(
                form.kind, f"{len(matching)} of {len(texts)} sampled values are {form.called}"
            )
    return None


@dataclass(frozen=True)
class _Form:
    kind: Pii
    called: str
    has: Callable[[str], bool]
    #: Different values that must have it.
    fewest: int = _FEWEST
    #: Words of a column's name by which its values are something else that looks like it.
    other: frozenset[str] = frozenset()


_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;.]+(\.[^@\s<>,;.]+)*\.[^\W\d_]{2,}")
_SECRET = re.compile(r"\$2[abxy]\$\d\d\$.{53}|\$argon2.+|\$pbkdf2.+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PHONES = (
    re.compile(r"\+\d[\d ().\-/]{6,20}"),
    re.compile(r"(1[ .-])?(\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}( ?(x|ext\.?) ?\d+)?"),
    re.compile(r"\(?0\d{1,4}\)?[ /-]\d{3,}[\d /-]*"),
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}")
_NINO = re.compile(r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z] ?\d\d ?\d\d ?\d\d ?[A-D]")


def _is_phone(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return 7 <= digits <= 15 and any(form.fullmatch(text) for form in _PHONES)


def _is_ip(text: str) -> bool:
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


def _is_iban(text: str) -> bool:
    joined = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(joined):
        return False
    return int("".join(str(int(c, 36)) for c in joined[4:] + joined[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    joined = re.sub(r"[ -]", "", text)
    return bool(re.fullmatch(r"[2-6]\d{12,18}", joined)) and _luhn(joined)


def _luhn(digits: str) -> bool:
    """Every second digit from the right is doubled; the sum of all digits ends with 0."""
    doubled = (int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _is_spanish_id(text: str) -> bool:
    """DNI and NIE: the letter follows from the number."""
    found = re.fullmatch(r"([XYZ]?)(\d{7,8})-?([A-Z])", text.upper())
    if found is None or len(found[1] + found[2]) != 8:
        return False
    number = int(str("XYZ".index(found[1]) if found[1] else "") + found[2])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == found[3]


_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)


def _is_italian_id(text: str) -> bool:
    """Codice fiscale: the last letter is a sum over the others, by place."""
    upper = text.upper()
    if not re.fullmatch(r"[A-Z]{6}[\dL-V]{2}[A-EHLMPRST][\dL-V]{2}[A-Z][\dL-V]{3}[A-Z]", upper):
        return False
    even = sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in upper[1:15:2])
    return chr(ord("A") + (even + sum(_ODD[c] for c in upper[:15:2])) % 26) == upper[15]


def _is_french_id(text: str) -> bool:
    """NIR: 97 less the rest of the number by 97; Corsica's 2A and 2B stand for 19 and 18."""
    joined = text.replace(" ", "").upper()
    if not re.fullmatch(r"[1278]\d\d(0[1-9]|1[0-2]|[2-9]\d)(\d\d|2[AB])\d{8}", joined):
        return False
    number = int(joined[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(joined[13:])


def _is_german_tax_id(text: str) -> bool:
    """ISO 7064, MOD 11,10; one of the first ten digits is there two or three times."""
    joined = text.replace(" ", "")
    if not re.fullmatch(r"[1-9]\d{10}", joined) or len(set(joined[:10])) not in (8, 9):
        return False
    product = 10
    for digit in joined[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(joined[10])


def _is_dutch_id(text: str) -> bool:
    """BSN: weights 9 to 2 and -1 make a multiple of 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return bool(re.fullmatch(r"[1-9]\d{8}", text)) and _weighted(text, weights) % 11 == 0


def _is_brazilian_id(text: str) -> bool:
    """CPF: two check digits by weights."""
    joined = re.sub(r"[.-]", "", text)
    if not re.fullmatch(r"\d{11}", joined) or len(set(joined)) == 1:
        return False
    return all(
        _weighted(joined[:n], range(n + 1, 1, -1)) * 10 % 11 % 10 == int(joined[n]) for n in (9, 10)
    )


def _is_polish_id(text: str) -> bool:
    """PESEL: a day of birth, the century in its month, and a check digit."""
    found = re.fullmatch(r"\d\d(\d\d)(\d\d)\d{5}", text)
    if found is None or not 1 <= int(found[1]) % 20 <= 12 or not 1 <= int(found[2]) <= 31:
        return False
    return _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _is_swedish_id(text: str) -> bool:
    """Personnummer: a day of birth, a dash, four digits; Luhn over the ten."""
    found = re.fullmatch(
        r"(?:19|20)?(\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[-+](\d{4})", text
    )
    return found is not None and _luhn(found[1] + found[2])


def _is_national_id(text: str) -> bool:
    """Those whose form alone hardly anything else has."""
    return bool(
        _SSN.fullmatch(text)
        or _NINO.fullmatch(text)
        or _is_spanish_id(text)
        or _is_italian_id(text)
        or _is_french_id(text)
        or _is_swedish_id(text)
    )


#: Narrower forms first. Each number that is digits alone is held to one country's checksum for itself:
#: together they would let one in four through.
_FORMS: tuple[_Form, ...] = (
    _Form("email", "e-mail addresses", lambda text: bool(_EMAIL.fullmatch(text))),
    _Form(
        "credential", "hashes of passwords or tokens", lambda text: bool(_SECRET.fullmatch(text))
    ),
    _Form("bank", "IBANs with a right checksum", _is_iban),
    _Form(
        "ip",
        "IP addresses",
        _is_ip,
        other=frozenset({"version", "versions", "release", "build", "oid"}),
    ),
    _Form("national_id", "national ids", _is_national_id),
    _Form("card", "card numbers with a right checksum", _is_card, fewest=_FEWEST_DIGITS),
    *(
        _Form("national_id", f"{called} with a right checksum", has, fewest=_FEWEST_DIGITS)
        for called, has in (
            ("German tax ids", _is_german_tax_id),
            ("Dutch citizen numbers", _is_dutch_id),
            ("Brazilian tax ids", _is_brazilian_id),
            ("Polish PESEL numbers", _is_polish_id),
        )
    ),
    _Form("phone", "telephone numbers", _is_phone),
)
