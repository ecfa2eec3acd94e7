-- Creates the login for a source that saas-platform fills itself (SAAS_SYNTHETIC=true). It owns one schema, and
-- nothing else. An administrator runs this once, in the company's database; then the platform needs no `sa`:
--
--   sqlcmd -S HOST -d DATABASE -v login=saas_writer password='...' schema=saas -i deploy/mssql/writer.sql
--
-- The script can be run again: what exists already stays.

-- In Azure SQL Database (edition 5) logins can be created only in master, so there the user itself has the password.
DECLARE @named NVARCHAR(600) =
    QUOTENAME('$(login)') + N' WITH PASSWORD = ' + QUOTENAME(N'$(password)', '''');
IF CONVERT(INT, SERVERPROPERTY('EngineEdition')) = 5
BEGIN
    IF DATABASE_PRINCIPAL_ID('$(login)') IS NULL
        EXEC (N'CREATE USER ' + @named);
END
ELSE IF SUSER_ID('$(login)') IS NULL
    EXEC (N'CREATE LOGIN ' + @named);
GO
IF DATABASE_PRINCIPAL_ID('$(login)') IS NULL
    CREATE USER [$(login)] FOR LOGIN [$(login)];
GO
IF DATABASE_PRINCIPAL_ID('saas_writers') IS NULL
    CREATE ROLE saas_writers;
GO
IF SCHEMA_ID('$(schema)') IS NULL
    EXEC ('CREATE SCHEMA [$(schema)] AUTHORIZATION saas_writers');
GO
-- The role can create tables in the schema that it owns, and nowhere else.
GRANT CREATE TABLE TO saas_writers;
GO
ALTER ROLE saas_writers ADD MEMBER [$(login)];
GO
-- With snapshot isolation readers see the data as of one time, and neither wait for writers nor block them.
DECLARE @allow NVARCHAR(400) =
    N'ALTER DATABASE ' + QUOTENAME(DB_NAME()) + N' SET ALLOW_SNAPSHOT_ISOLATION ON';
EXEC (@allow);
GO
