"""Recognise columns with personal data, by the words of their names and by a sample of their values.

Contains: the words in several languages, the forms of values (python-stdnum checks the checksums), and the
decision.
Out of scope: drawing the sample (each engine's discovery.py), and how the column is treated (tables.yaml).

The decision is conservative, because a wrong mark hides values that someone needs. A name must match by whole
words, so `filename` does not match `name`. Values must have the form in a clear majority. A person reviews
the marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, get_args

import sqlalchemy as sa
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from saas_platform.schema.columns import Pii
from saas_platform.schema.kinds import KindName, TextForm, kind_of_type

#: The share of the sampled values that must have a kind's form.
_MAJORITY = 0.8
#: The fewest distinct values that must have a form. Forms of digits only need more, as numbers match by
#: chance.
_FEWEST, _FEWEST_DIGITS = 3, 10
#: The number of values to look at; more of them would not change the answer.
SAMPLE = 1_000


@dataclass(frozen=True)
class Personal:
    """The kind of personal data that a column holds, and the reason for the decision."""

    kind: Pii
    why: str


#: Words of names by kind, without accents. The first kind with a match wins, so narrower kinds come first.
#: Words with blanks between them must follow one another. The languages are English, German, French,
#: Spanish, Italian, Dutch, Portuguese, Swedish and Polish.
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
#: A column whose name ends with one of these describes the thing; it does not hold the thing itself.
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
#: So does a column whose name begins with one of these.
_WHETHER = frozenset(
    ["is", "has", "num", "count", "no", "n", "allow", "allows", "use", "uses", "send", "sends"]
)

_NUMBERS: frozenset[Pii] = frozenset({"phone", "card", "national_id", "bank"})
#: For each kind of column, the personal data that it can hold.
_HELD: Mapping[KindName, Set[Pii]] = {
    "flag": frozenset(),
    "integer": _NUMBERS | {"birth_date"},
    "integer32": _NUMBERS | {"birth_date"},
    "float": _NUMBERS | {"location"},
    "decimal": _NUMBERS | {"location"},
    "time": frozenset({"birth_date"}),
    "date": frozenset({"birth_date"}),
    "any": frozenset(get_args(Pii)),
    "text": frozenset(get_args(Pii)),
    "bytes": frozenset({"credential"}),
}
#: The kinds of column whose values can be recognised, by the form of their canonical text.
_RECOGNISED: Collection[TextForm] = ("characters", "digits")


def personal_kind(
    name: str, values: Iterable[Any] = (), type_: sa.types.TypeEngine[Any] | None = None
) -> Pii | None:
    """Return the kind of personal data that a column holds; None if none is recognised.

    >>> personal_kind("customerEmail"), personal_kind("filename")
    ('email', None)
    """
    found = personal(name, values, type_)
    return None if found is None else found.kind


def personal(
    name: str, values: Iterable[Any] = (), type_: sa.types.TypeEngine[Any] | None = None
) -> Personal | None:
    """Return the personal data that a column holds, judged by its name, then by a sample of its values.

    A type, if given, rules out the kinds that it can't hold: a flag `mobile` is not a telephone number.
    Returns None if no personal data is recognised.
    """
    by_name = _by_name(name)
    if by_name is not None and (type_ is None or _can_hold(by_name.kind, type_)):
        return by_name
    kind = None if type_ is None else kind_of_type(type_)
    if type_ is None or (kind is not None and kind.text in _RECOGNISED):
        return _by_values(name, values)
    return None


def words(name: str) -> list[str]:
    """Split a name into words at non-letters and capitals, in lower case and without accents.

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
            # A word after the match may say that the column only describes it: email_sent, phone_type.
            if kind is not None and not _ABOUT.intersection(found[end:]):
                matches.append((start - end, _ORDER.index(kind), start, end))
                break
    if not matches:
        return None
    _, place, start, end = min(matches, key=lambda match: (match[1], match[0]))
    return Personal(_ORDER[place], f"its name has {' '.join(found[start:end])!r}")


def _can_hold(personal_data: Pii, type_: sa.types.TypeEngine[Any]) -> bool:
    kind = kind_of_type(type_)
    return kind is None or personal_data in _HELD[kind.name]


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
    #: The fewest distinct values that must have the form.
    fewest: int = _FEWEST
    #: Words in the name of a column whose values look like the form but are something else.
    other: frozenset[str] = frozenset()


_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;.]+(\.[^@\s<>,;.]+)*\.[^\W\d_]{2,}")
_SECRET = re.compile(r"\$2[abxy]\$\d\d\$.{53}|\$argon2.+|\$pbkdf2.+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PHONES = (
    re.compile(r"\+\d[\d ().\-/]{6,20}"),
    re.compile(r"(1[ .-])?(\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}( ?(x|ext\.?) ?\d+)?"),
    re.compile(r"\(?0\d{1,4}\)?[ /-]\d{3,}[\d /-]*"),
    re.compile(r"0\d([ .]\d\d){4}"),
)
_NINO = re.compile(r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z] ?\d\d ?\d\d ?\d\d ?[A-D]")
#: Ids with a written form that is rare otherwise, each with the function that checks the rest.
_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\d{3}-\d\d-\d{4}"), ssn.is_valid),
    (re.compile(r"\d{8}-?[A-Z]", re.IGNORECASE), dni.is_valid),
    (re.compile(r"[XYZ]\d{7}-?[A-Z]", re.IGNORECASE), nie.is_valid),
    (re.compile(r"[A-Z0-9]{15}[A-Z]", re.IGNORECASE), codicefiscale.is_valid),
    (re.compile(r"[1278][0-9AB ]{14,21}"), nir.is_valid),
    (re.compile(r"\d{6}(\d\d)?[-+]\d{4}"), personnummer.is_valid),
)


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


def _is_card(text: str) -> bool:
    joined = re.sub(r"[ -]", "", text)
    return bool(re.fullmatch(r"[2-6]\d{12,18}", joined)) and luhn.is_valid(joined)


def _is_national_id(text: str) -> bool:
    return bool(_NINO.fullmatch(text)) or any(
        form.fullmatch(text) and check(text) for form, check in _IDS
    )


def _digits(check: Callable[[str], bool]) -> Callable[[str], bool]:
    """Restrict the check to numbers, because a text with other characters may be anything."""
    return lambda text: bool(re.fullmatch(r"[\d ./-]{9,14}", text)) and check(text)


#: Narrower forms come first. For ids of digits only, each country's checksum is a form of its own: a form
#: that accepted any of the checksums would let one number in four through.
_FORMS: tuple[_Form, ...] = (
    _Form("email", "e-mail addresses", lambda text: bool(_EMAIL.fullmatch(text))),
    _Form(
        "credential", "hashes of passwords or tokens", lambda text: bool(_SECRET.fullmatch(text))
    ),
    _Form("bank", "IBANs with a right checksum", iban.is_valid),
    _Form(
        "ip",
        "IP addresses",
        _is_ip,
        other=frozenset({"version", "versions", "release", "build", "oid"}),
    ),
    _Form("national_id", "national ids", _is_national_id),
    _Form("card", "card numbers with a right checksum", _is_card, fewest=_FEWEST_DIGITS),
    *(
        _Form("national_id", f"{called} with a right checksum", _digits(check), _FEWEST_DIGITS)
        for called, check in (
            ("German tax ids", idnr.is_valid),
            ("Dutch citizen numbers", bsn.is_valid),
            ("Brazilian tax ids", cpf.is_valid),
            ("Polish PESEL numbers", pesel.is_valid),
        )
    ),
    _Form("phone", "telephone numbers", _is_phone),
)
