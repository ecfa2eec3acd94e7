"""Define databases modelled on three well-known samples (a music shop, a trading house, a film rental).

Contains: schemas of the same kind, with invented data, and edits of each.
Out of scope: any expectation, except the types that discovery must find.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A schema with its first rows, types that discovery must find, and edits in the order they are made."""

    sql: str
    types: dict[str, str]
    edits: tuple[str, ...]
    #: A table, an edit after which it must stop, and a statement that undoes the edit.
    misfits: tuple[tuple[str, str, str], ...]


def _numbers(last: int) -> str:
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"


#: Modelled on Chinook: integer keys, decimals for money, timestamps as texts, a join table, a self-reference.
MUSIC = Known(
    f"""
CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120),
    CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY ([AlbumId]),
    FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Genre] ([GenreId] INTEGER NOT NULL PRIMARY KEY, [Name] NVARCHAR(120));
CREATE TABLE [Track] ([TrackId] INTEGER NOT NULL PRIMARY KEY, [Name] NVARCHAR(200) NOT NULL, [AlbumId] INTEGER,
    [GenreId] INTEGER, [Composer] NVARCHAR(220), [Milliseconds] INTEGER NOT NULL, [Bytes] INTEGER,
    [UnitPrice] NUMERIC(10,2) NOT NULL,
    FOREIGN KEY ([AlbumId]) REFERENCES [Album] ([AlbumId]), FOREIGN KEY ([GenreId]) REFERENCES [Genre] ([GenreId]));
CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL PRIMARY KEY, [LastName] NVARCHAR(20) NOT NULL,
    [Title] NVARCHAR(30), [ReportsTo] INTEGER, [BirthDate] DATETIME, [HireDate] DATETIME, [Email] NVARCHAR(60),
    FOREIGN KEY ([ReportsTo]) REFERENCES [Employee] ([EmployeeId]));
CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL PRIMARY KEY, [CustomerId] INTEGER NOT NULL,
    [InvoiceDate] DATETIME NOT NULL, [BillingCity] NVARCHAR(40), [Total] NUMERIC(10,2) NOT NULL);
CREATE TABLE [InvoiceLine] ([InvoiceLineId] INTEGER NOT NULL PRIMARY KEY, [InvoiceId] INTEGER NOT NULL,
    [TrackId] INTEGER NOT NULL, [UnitPrice] NUMERIC(10,2) NOT NULL, [Quantity] INTEGER NOT NULL,
    FOREIGN KEY ([InvoiceId]) REFERENCES [Invoice] ([InvoiceId]));
CREATE TABLE [PlaylistTrack] ([PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY ([PlaylistId], [TrackId]));
CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);
CREATE UNIQUE INDEX [IPK_Genre] ON [Genre] ([Name]);
CREATE VIEW [Sales] AS SELECT [BillingCity], sum([Total]) FROM [Invoice] GROUP BY 1;
INSERT INTO [Artist] VALUES (1, 'AC/DC'), (2, 'Motörhead'), (3, NULL), (4, 'trailing '), (5, '');
INSERT INTO [Album] VALUES (1, 'For Those About To Rock', 1), (2, 'Ace of Spades', 2), (3, 'Überjam', 4);
INSERT INTO [Genre] VALUES (1, 'Rock'), (2, 'Jazz'), (3, NULL), (4, NULL);
{_numbers(300)} INSERT INTO [Track] SELECT i, 'Track ' || i, 1 + i % 3, nullif(i % 3, 0), CASE WHEN i % 4 THEN
    'A. Composer / B. Composer' END, 200000 + i * 977, i * 1000003, CASE i % 5 WHEN 0 THEN 1.99 ELSE 0.99 END FROM n;
INSERT INTO [Employee] VALUES (1, 'Adams', 'General Manager', NULL, '1962-02-18 00:00:00', '2002-08-14 00:00:00',
    'andrew@example.org'), (2, 'Edwards', 'Sales Manager', 1, NULL, '2002-05-01 00:00:00', NULL),
    (3, 'Peacock', NULL, 2, '1973-08-29 00:00:00', NULL, 'jane@example.org');
{_numbers(400)} INSERT INTO [Invoice] SELECT i, 1 + i % 59, datetime('2009-01-01', (i * 3) || ' days'), CASE WHEN i % 7
    THEN 'Stuttgart' END, round((i * 37 % 2000) / 100.0, 2) FROM n;
INSERT INTO [Invoice] VALUES (401, 1, '2013-12-22 00:00:00', 'Oslo', 15.86), (402, 2, '2013-12-23 00:00:00', NULL, 0.35),
    (403, 3, '2013-12-24 00:00:00', 'Prague', 1.13), (404, 4, '2013-12-25 00:00:00', 'Paris', 0);
{_numbers(500)} INSERT INTO [InvoiceLine] SELECT i, 1 + i % 400, 1 + i % 300, 0.99, 1 FROM n;
{_numbers(100)} INSERT INTO [PlaylistTrack] SELECT 1 + i % 5, i FROM n;
""",
    {
        "Invoice.Total": "decimal(10, 2)",
        "Invoice.InvoiceDate": "time",
        "Track.UnitPrice": "decimal(10, 2)",
        "Track.Name": "text",
        "Employee.BirthDate": "time",
    },
    (
        "UPDATE [Invoice] SET [Total] = [Total] + 0.7 WHERE [InvoiceId] % 50 = 0;"
        "UPDATE [Invoice] SET [Total] = 99999999.99 WHERE [InvoiceId] = 7",
        "INSERT INTO [PlaylistTrack] VALUES (9, 1), (9, 2); DELETE FROM [PlaylistTrack] WHERE [PlaylistId] = 2",
        "UPDATE [PlaylistTrack] SET [TrackId] = [TrackId] + 1000 WHERE [PlaylistId] = 3",
        "UPDATE [Employee] SET [ReportsTo] = 3 WHERE [EmployeeId] = 1; DELETE FROM [Employee] WHERE [EmployeeId] = 2",
        "UPDATE [Artist] SET [Name] = 'trailing' WHERE [ArtistId] = 4; UPDATE [Artist] SET [Name] = NULL WHERE [ArtistId] = 5;"
        "UPDATE [Artist] SET [Name] = '' WHERE [ArtistId] = 3",
        "DELETE FROM [Genre]; INSERT INTO [Genre] VALUES (2, 'Rock'), (1, 'Jazz')",
        "UPDATE [Invoice] SET [InvoiceDate] = '2014-01-01T08:15:30.123456' WHERE [InvoiceId] = 404;"
        "UPDATE [Invoice] SET [InvoiceDate] = '2014-01-02' WHERE [InvoiceId] = 403",
    ),
    (
        (
            "Invoice",
            "UPDATE [Invoice] SET [Total] = 3.333 WHERE [InvoiceId] = 5",
            "UPDATE [Invoice] SET [Total] = 3.33 WHERE [InvoiceId] = 5",
        ),
        (
            "Invoice",
            "UPDATE [Invoice] SET [InvoiceDate] = '24.12.2013' WHERE [InvoiceId] = 6",
            "UPDATE [Invoice] SET [InvoiceDate] = '2013-12-24' WHERE [InvoiceId] = 6",
        ),
        (
            "Track",
            "UPDATE [Track] SET [Milliseconds] = 'long' WHERE [TrackId] = 300",
            "UPDATE [Track] SET [Milliseconds] = 1 WHERE [TrackId] = 300",
        ),
    ),
)

#: Modelled on Northwind: blanks in names, text keys, compound keys, BLOB pictures, dates as text, a view.
TRADE = Known(
    f"""
CREATE TABLE "Customers" ("CustomerID" TEXT, "CompanyName" TEXT, "Contact Name" TEXT, "Phone" TEXT, PRIMARY KEY ("CustomerID"));
CREATE TABLE "Categories" ("CategoryID" INTEGER PRIMARY KEY AUTOINCREMENT, "CategoryName" TEXT, "Description" TEXT, "Picture" BLOB);
CREATE TABLE "Products" ("ProductID" INTEGER PRIMARY KEY, "ProductName" NVARCHAR(40) NOT NULL,
    "CategoryID" INT REFERENCES "Categories", "UnitPrice" MONEY DEFAULT 0, "Discontinued" BIT NOT NULL DEFAULT 0,
    CHECK ("UnitPrice" >= 0));
CREATE TABLE "Orders" ("OrderID" INTEGER PRIMARY KEY, "CustomerID" TEXT REFERENCES "Customers", "OrderDate" DATETIME,
    "ShippedDate" TEXT, "Freight" NUMERIC DEFAULT 0);
CREATE TABLE "Order Details" ("OrderID" INTEGER NOT NULL REFERENCES "Orders", "ProductID" INTEGER NOT NULL,
    "Unit Price" NUMERIC(10,2) NOT NULL DEFAULT 0, "Quantity" INTEGER NOT NULL DEFAULT 1, "Discount" REAL NOT NULL DEFAULT 0,
    PRIMARY KEY ("OrderID", "ProductID"), CHECK ("Discount" >= 0 AND "Discount" <= 1));
CREATE TABLE "EmployeeTerritories" ("EmployeeID" INTEGER NOT NULL, "TerritoryID" TEXT NOT NULL,
    PRIMARY KEY ("EmployeeID", "TerritoryID")) WITHOUT ROWID;
CREATE TABLE "Territories" ("TerritoryID" TEXT, "Region" TEXT);
CREATE TABLE "Regions" ("RegionID" INTEGER PRIMARY KEY, "Region Description" TEXT, "Boss" INTEGER REFERENCES "Regions" ("RegionID"));
CREATE VIEW "Order Subtotals" AS SELECT "OrderID", sum("Unit Price" * "Quantity") FROM "Order Details" GROUP BY 1;
CREATE TRIGGER "no empty order" AFTER DELETE ON "Order Details" BEGIN
    DELETE FROM "Orders" WHERE "OrderID" = old."OrderID" AND NOT EXISTS
        (SELECT 1 FROM "Order Details" d WHERE d."OrderID" = old."OrderID"); END;
INSERT INTO "Customers" VALUES ('ALFKI', 'Alfreds Futterkiste', 'Maria Anders', '030-0074321'),
    ('BLONP', 'Blondel père et fils', NULL, NULL), ('alfki', 'another one', '', '(5) 555-4729');
INSERT INTO "Categories" VALUES (1, 'Beverages', 'Soft drinks, coffees', x'151C2F00020000000D000E'), (2, 'Empty', '', x''),
    (3, 'None', NULL, NULL), (4, 'Zeros', 'bytes', zeroblob(3000));
{_numbers(77)} INSERT INTO "Products" SELECT i, 'Chef ''Anton''s No. ' || i, 1 + i % 4, i * 1.25, i % 10 = 0 FROM n;
{_numbers(200)} INSERT INTO "Orders" SELECT 10247 + i, CASE i % 3 WHEN 0 THEN 'ALFKI' WHEN 1 THEN 'BLONP' END,
    date('2016-07-04', i || ' days'), strftime('%d/%m/%Y', '2016-07-14', i || ' days'), i * 0.01 FROM n;
{_numbers(600)} INSERT INTO "Order Details" SELECT 10247 + 1 + i % 200, i, round(i * 0.35, 2), 1 + i % 12, (i % 4) * 0.05 FROM n;
INSERT INTO "EmployeeTerritories" VALUES (1, '06897'), (1, '19713'), (2, '01581'), (2, '01581 ');
INSERT INTO "Territories" VALUES ('01581', 'Westboro'), ('01581', 'Westboro'), (NULL, 'nowhere'), ('01730', NULL);
INSERT INTO "Regions" VALUES (1, 'Eastern   ', 1), (2, 'Western', 1), (3, 'Northern', NULL);
""",
    {
        "Orders.OrderDate": "time",
        "Orders.ShippedDate": "text",
        "Order Details.Unit Price": "decimal(10, 2)",
        "Order Details.Discount": "float",
        "Categories.Picture": "bytes",
        "EmployeeTerritories.TerritoryID": "text",
    },
    (
        'UPDATE "Categories" SET "Picture" = x\'00\' WHERE "CategoryID" IN (2, 3);'
        'UPDATE "Categories" SET "Picture" = NULL WHERE "CategoryID" = 1',
        'DELETE FROM "Order Details" WHERE "OrderID" BETWEEN 10250 AND 10260',
        'UPDATE "Order Details" SET "Discount" = "Discount" + 0.1 WHERE "ProductID" % 7 = 0;'
        'UPDATE "Order Details" SET "Unit Price" = "Unit Price" * 2 WHERE "ProductID" % 100 = 0',
        'UPDATE "Customers" SET "CustomerID" = \'ANTON\' WHERE "CustomerID" = \'alfki\'',
        "INSERT INTO \"Territories\" VALUES ('01581', 'Westboro'), (NULL, NULL), (NULL, NULL);"
        'DELETE FROM "Territories" WHERE rowid = 1',
        'DELETE FROM "EmployeeTerritories" WHERE "TerritoryID" = \'01581 \';'
        "INSERT INTO \"EmployeeTerritories\" VALUES (3, ''), (3, ' ')",
        'UPDATE "Regions" SET "Boss" = 3 - "RegionID" WHERE "RegionID" < 3',
    ),
    (
        (
            "Order Details",
            'UPDATE "Order Details" SET "Quantity" = 1.5 WHERE "ProductID" = 600',
            'UPDATE "Order Details" SET "Quantity" = 2 WHERE "ProductID" = 600',
        ),
        (
            "Categories",
            'UPDATE "Categories" SET "Picture" = \'a path\' WHERE "CategoryID" = 1',
            'UPDATE "Categories" SET "Picture" = NULL WHERE "CategoryID" = 1',
        ),
        (
            "Customers",
            'UPDATE "Customers" SET "CompanyName" = CAST(x\'426C6F6EE9\' AS TEXT) WHERE "CustomerID" = \'BLONP\'',
            'UPDATE "Customers" SET "CompanyName" = \'Bloné\' WHERE "CustomerID" = \'BLONP\'',
        ),
    ),
)

#: Modelled on Sakila: small integers, timestamps with fractions, enumerations by CHECK, a flag as a letter, a
#: table of texts that triggers maintain, generated columns, STRICT.
FILMS = Known(
    f"""
CREATE TABLE language (language_id SMALLINT NOT NULL, name CHAR(20) NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (language_id));
CREATE TABLE actor (actor_id numeric NOT NULL, first_name VARCHAR(45) NOT NULL, last_name VARCHAR(45) NOT NULL,
    last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id));
CREATE TABLE film (film_id INT NOT NULL, title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT DEFAULT NULL,
    release_year VARCHAR(4) DEFAULT NULL, language_id SMALLINT NOT NULL, original_language_id SMALLINT DEFAULT NULL,
    rental_duration SMALLINT DEFAULT 3 NOT NULL, rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL, length SMALLINT,
    replacement_cost DECIMAL(5,2) DEFAULT 19.99 NOT NULL, rating VARCHAR(10) DEFAULT 'G',
    last_update TIMESTAMP NOT NULL, PRIMARY KEY (film_id),
    CONSTRAINT fk_film_language FOREIGN KEY (language_id) REFERENCES language (language_id) ON UPDATE CASCADE,
    CONSTRAINT CHECK_special_rating CHECK (rating IN ('G', 'PG', 'R')));
CREATE TABLE film_actor (actor_id INT NOT NULL, film_id INT NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id, film_id));
CREATE TABLE film_text (film_id SMALLINT NOT NULL, title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT, PRIMARY KEY (film_id));
CREATE TABLE rental (rental_id INTEGER PRIMARY KEY, rental_date TIMESTAMP NOT NULL, inventory_id INT NOT NULL,
    customer_id INT UNSIGNED NOT NULL, return_date TIMESTAMP, active CHAR(1) DEFAULT 'Y' NOT NULL, open BOOLEAN NOT NULL,
    hours AS (CAST(round((julianday(return_date) - julianday(rental_date)) * 24) AS INTEGER)) VIRTUAL,
    UNIQUE (rental_date, inventory_id, customer_id));
CREATE TABLE payment (payment_id INT PRIMARY KEY, rental_id INT REFERENCES rental (rental_id) ON DELETE SET NULL,
    amount REAL NOT NULL, payment_date TEXT NOT NULL, currency TEXT AS ('EUR') STORED) STRICT;
CREATE UNIQUE INDEX one_open ON rental (inventory_id) WHERE open;
CREATE TRIGGER film_text_insert AFTER INSERT ON film BEGIN
    INSERT INTO film_text VALUES (new.film_id, new.title, new.description); END;
CREATE TRIGGER film_text_delete AFTER DELETE ON film BEGIN DELETE FROM film_text WHERE film_id = old.film_id; END;
CREATE TRIGGER film_text_update AFTER UPDATE ON film BEGIN
    UPDATE film_text SET title = new.title, description = new.description WHERE film_id = new.film_id; END;
CREATE VIEW film_list AS SELECT f.title, l.name FROM film f JOIN language l USING (language_id);
INSERT INTO language VALUES (1, 'English             ', '2006-02-15 05:02:19.000'), (2, 'Français', '2006-02-15 05:02:19.5'),
    (3, '日本語', '2006-02-15 05:02:19');
{_numbers(50)} INSERT INTO actor SELECT i, 'PENELOPE', 'GUINESS ' || i, '2006-02-15 04:34:33.' || printf('%06d', i) FROM n;
{_numbers(250)} INSERT INTO film SELECT i, 'ACADEMY DINOSAUR ' || i, 'A Epic Drama | of ' || i, CAST(2000 + i % 7 AS TEXT),
    1 + i % 3, NULL, 3 + i % 5, CASE i % 3 WHEN 0 THEN 0.99 WHEN 1 THEN 2.99 ELSE 4.99 END, nullif(46 + i % 139, 50),
    round(9.99 + i % 20, 2), CASE i % 3 WHEN 0 THEN 'G' WHEN 1 THEN 'PG' ELSE 'R' END, '2006-02-15 05:03:42.000' FROM n;
{_numbers(300)} INSERT INTO film_actor SELECT 1 + i % 50, i, '2006-02-15 05:05:03.000' FROM n;
{_numbers(400)} INSERT INTO rental SELECT i, strftime('%Y-%m-%d %H:%M:%f', '2005-05-24 22:53:30', (i * 37) || ' minutes'), i,
    1 + i % 60, CASE WHEN i % 5 THEN datetime('2005-05-26 22:04:30', (i * 41) || ' minutes') END, 'Y', i % 5 = 0 FROM n;
{_numbers(400)} INSERT INTO payment SELECT i, i, (i * 97 % 1200) / 100.0, '2005-05-25T11:30:37Z' FROM n;
""",
    {
        "film.rental_rate": "decimal(4, 2)",
        "film.replacement_cost": "decimal(5, 2)",
        "actor.last_update": "time",
        "rental.return_date": "time",
        "rental.open": "flag",
        "rental.hours": "integer",
        "payment.amount": "float",
        "payment.payment_date": "text",
        "film.description": "text",
    },
    (
        "UPDATE film SET rental_rate = 99.99, title = 'ACE GOLDFINGER' WHERE film_id % 40 = 0; DELETE FROM film WHERE film_id > 240",
        "INSERT INTO film (film_id, title, language_id, last_update) VALUES (1000, 'new '' one', 2, '2024-02-29 23:59:59.999999')",
        "UPDATE rental SET return_date = '2005-06-01 00:00:00', open = 0 WHERE open AND rental_id % 2",
        "UPDATE payment SET amount = amount * 1.1 WHERE payment_id % 9 = 0; UPDATE payment SET rental_id = NULL WHERE rental_id < 4",
        "UPDATE film_actor SET film_id = film_id + 1000 WHERE actor_id = 7; INSERT OR REPLACE INTO film_actor VALUES (1, 50, '2024-01-01')",
        "UPDATE language SET language_id = language_id + 10; UPDATE language SET name = 'English' WHERE language_id = 11",
        "UPDATE actor SET last_update = '2006-02-15 04:34:33' WHERE actor_id = 3; UPDATE actor SET actor_id = -actor_id WHERE actor_id > 45",
    ),
    (
        (
            "rental",
            "UPDATE rental SET open = 2 WHERE rental_id = 399",
            "UPDATE rental SET open = 0 WHERE rental_id = 399",
        ),
        (
            "film",
            "UPDATE film SET replacement_cost = 1000 WHERE film_id = 1",
            "UPDATE film SET replacement_cost = 999.99 WHERE film_id = 1",
        ),
        (
            "actor",
            "UPDATE actor SET last_update = '2006-02-30 00:00:00' WHERE actor_id = 1",
            "UPDATE actor SET last_update = '2006-02-28 00:00:00' WHERE actor_id = 1",
        ),
    ),
)

KNOWN = {"music": MUSIC, "trade": TRADE, "films": FILMS}
