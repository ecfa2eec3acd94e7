"""The words by which a column's name says that it holds personal data, in several languages.

Out of scope: how a name is split into words and compared (personal.py).
"""

from __future__ import annotations

from saas_platform.schema.columns import Pii


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split(", "))


#: Words of names by kind, without accents. The first kind with a match wins, so narrower kinds come first.
#: Words with blanks between them must follow one another. The languages are English, German, French,
#: Spanish, Italian, Dutch, Portuguese, Swedish and Polish.
WORDS: dict[Pii, str] = {
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
        "birth date, birthdate, date of birth, dob, birthday, bday, birth year, year of birth, born, geburtsdatum,"
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
#: Words of the names of tables whose rows are persons, so that the column `name` there is a person's name.
PERSONS = _listed(
    "person, persons, people, user, users, customer, customers, client, clients, employee, employees, staff,"
    " member, members, contact, contacts, patient, patients, student, students, teacher, teachers, guest, guests,"
    " driver, drivers, lead, leads, subscriber, subscribers, kunde, kunden, benutzer, mitarbeiter, personen,"
    " kontakt, kontakte, patienten, cliente, clientes, usuario, usuarios, empleado, empleados, persona, personas,"
    " clienti, utente, utenti, dipendenti, utilisateur, utilisateurs, employe, employes, personne, personnes,"
    " klant, klanten, gebruiker, gebruikers, medewerkers, kunder, anvandare, klienci, uzytkownicy, pracownicy"
)
#: How such tables call the name of a person.
NAMES = _listed("name, nom, naam, namn, nome, nazwa")
#: A column whose name ends with one of these describes the thing; it does not hold the thing itself.
ABOUT = _listed(
    "id, ids, key, type, typ, kind, status, state, count, counts, verified, valid, validated, sent, at, on,"
    " enabled, active, format, length, template, templates, category, domain, level, version, source, provider,"
    " opt, in, flag, expires, expiry, confirmed, required, available"
)
#: So does a column whose name begins with one of these.
WHETHER = _listed("is, has, num, count, no, n, allow, allows, use, uses, send, sends")
