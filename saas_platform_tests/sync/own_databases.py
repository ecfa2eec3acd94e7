"""Databases that are not ours, like those found in practice: a music shop, a trading house, and oddities.

Contains: their SQL, and how a test creates one. Out of scope: any expectation.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: After Chinook: integer keys, decimals for money, timestamps as texts, a join table, a self reference.
MUSIC_SHOP = """
CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120),
    CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL PRIMARY KEY, [Title] NVARCHAR(160) NOT NULL,
    [ArtistId] INTEGER NOT NULL REFERENCES [Artist] ([ArtistId]));
CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL PRIMARY KEY, [LastName] NVARCHAR(20) NOT NULL,
    [ReportsTo] INTEGER REFERENCES [Employee], [BirthDate] DATETIME, [Email] NVARCHAR(60));
CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL PRIMARY KEY, [InvoiceDate] DATETIME NOT NULL,
    [BillingCity] NVARCHAR(40), [Total] NUMERIC(10,2) NOT NULL);
CREATE TABLE [PlaylistTrack] ([PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    PRIMARY KEY ([PlaylistId], [TrackId]));
CREATE VIEW [InvoiceTotals] AS SELECT sum([Total]) FROM [Invoice];
INSERT INTO [Artist] VALUES (1, 'AC/DC'), (2, 'Motörhead'), (3, NULL), (4, 'trailing '), (5, '');
INSERT INTO [Album] VALUES (1, 'For Those About To Rock', 1), (2, 'Ace of Spades', 2);
INSERT INTO [Employee] VALUES (1, 'Adams', NULL, '1962-02-18 00:00:00', 'andrew@example.org'),
    (2, 'Edwards', 1, NULL, NULL);
INSERT INTO [Invoice] VALUES (1, '2009-01-01 00:00:00', 'Stuttgart', 1.98), (2, '2009-02-03 10:11:12', 'Oslo', 4),
    (3, '2010-07-01 00:00:00', NULL, 0.99);
INSERT INTO [PlaylistTrack] VALUES (1, 1), (1, 2), (2, 1);
"""

#: After Northwind: blanks in names, text keys, compound keys, BLOB pictures, dates kept as text.
TRADING_HOUSE = """
CREATE TABLE "Customers" ("CustomerID" TEXT PRIMARY KEY, "CompanyName" TEXT, "Contact Name" TEXT);
CREATE TABLE "Categories" ("CategoryID" INTEGER PRIMARY KEY AUTOINCREMENT, "Description" TEXT, "Picture" BLOB);
CREATE TABLE "Orders" ("OrderID" INTEGER PRIMARY KEY, "CustomerID" TEXT, "OrderDate" DATETIME,
    "Shipped" TEXT, "Freight" NUMERIC DEFAULT 0);
CREATE TABLE "Order Details" ("OrderID" INTEGER NOT NULL, "ProductID" INTEGER NOT NULL,
    "Unit Price" NUMERIC NOT NULL, "Quantity" INTEGER NOT NULL, "Discount" REAL NOT NULL,
    PRIMARY KEY ("OrderID", "ProductID"));
CREATE TABLE "Territories" ("TerritoryID" TEXT, "Region" TEXT);
INSERT INTO "Customers" VALUES ('ALFKI', 'Alfreds Futterkiste', 'Maria Anders'), ('BLONP', 'Blondel père et fils', NULL);
INSERT INTO "Categories" ("Description", "Picture") VALUES ('Beverages', x'151C2F00020000000D'), ('Empty', x''), ('None', NULL);
INSERT INTO "Orders" VALUES (10248, 'ALFKI', '2016-07-04', '16/07/2016', 32.38), (10249, 'BLONP', '2016-07-05', '', 11);
INSERT INTO "Order Details" VALUES (10248, 11, 14, 12, 0.0), (10248, 42, 9.8, 10, 0.15), (10249, 11, 14, 1, 0.1);
INSERT INTO "Territories" VALUES ('01581', 'Westboro'), ('01581', 'Westboro'), (NULL, 'nowhere'), ('01730', NULL);
"""

#: Quotes and reserved words as names, a key with NULL in it, values of all types in one column, extremes,
#: an empty table, a table without rowid, generated columns, full-text search.
ODDITIES = """
CREATE TABLE "select" ("from" INTEGER PRIMARY KEY, "a ""quoted"" name" TEXT, "it's" TEXT, "ünï" TEXT);
CREATE TABLE "null key" (k TEXT PRIMARY KEY, v TEXT);
CREATE TABLE mixed (id INTEGER PRIMARY KEY, anything, money DECIMAL(10, 2), flag BOOLEAN);
CREATE TABLE extremes (id INTEGER PRIMARY KEY, big INTEGER, small REAL, words TEXT);
CREATE TABLE "nothing" (id INTEGER PRIMARY KEY, at DATETIME, price NUMERIC(8, 2), raw BLOB);
CREATE TABLE settings (name TEXT NOT NULL, value TEXT, PRIMARY KEY (name)) WITHOUT ROWID;
CREATE TABLE boxes (id INTEGER PRIMARY KEY, w INTEGER, h INTEGER, area INTEGER GENERATED ALWAYS AS (w * h) STORED);
CREATE VIRTUAL TABLE search USING fts5(words);
INSERT INTO "select" VALUES (1, 'a', 'b', 'c'), (2, NULL, '', ' ');
INSERT INTO "null key" VALUES ('a', '1'), (NULL, '2'), (NULL, '2');
INSERT INTO mixed VALUES (1, 1, 1.25, 1), (2, 'two', 3, 0), (3, 3.5, NULL, NULL), (4, NULL, 0.1, 1);
INSERT INTO extremes VALUES (1, 9223372036854775807, 1.7976931348623157e308, char(8238) || 'rtl'),
    (2, -9223372036854775808, -4.9e-324, '🙂' || char(0x301)), (3, 0, -0.0, char(9) || char(10)), (4, NULL, NULL, NULL);
INSERT INTO settings VALUES ('a', 'x'), ('A', 'y'), ('a ', 'z');
INSERT INTO boxes (id, w, h) VALUES (1, 2, 3), (2, NULL, 4);
"""

DATABASES = {"music shop": MUSIC_SHOP, "trading house": TRADING_HOUSE, "oddities": ODDITIES}


def make(path: Path, sql: str) -> Path:
    execute(path, sql)
    return path


def execute(path: Path, sql: str) -> None:
    """Run statements, and close the file again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
        connection.commit()
