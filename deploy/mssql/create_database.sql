-- Creates the company's database on a server of its own. `make up-mssql` runs this before writer.sql.
IF DB_ID('$(database)') IS NULL
    CREATE DATABASE [$(database)];
GO
