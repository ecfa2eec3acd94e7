-- Creates the login for a source that saas-platform only reads (SAAS_SYNTHETIC=false). It may SELECT in one schema
-- and read its Change Tracking. An administrator runs this once, in the database to be mirrored:
--
--   sqlcmd -S HOST -d DATABASE -v login=saas_reader password='...' schema=dbo -i deploy/mssql/reader.sql
--
-- The script can be run again: what exists already stays. For several schemas (?schema=sales,hr), run it once
-- for each.

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
IF DATABASE_PRINCIPAL_ID('saas_readers') IS NULL
    CREATE ROLE saas_readers;
GO
GRANT SELECT, VIEW DEFINITION, VIEW CHANGE TRACKING ON SCHEMA::[$(schema)] TO saas_readers;
GO
-- A security policy that hides rows of the schema may belong to another schema. Only this grant makes it visible.
GRANT VIEW DEFINITION TO saas_readers;
GO
ALTER ROLE saas_readers ADD MEMBER [$(login)];
GO
-- With snapshot isolation readers see the data as of one time, and neither wait for writers nor block them.
DECLARE @allow NVARCHAR(400) =
    N'ALTER DATABASE ' + QUOTENAME(DB_NAME()) + N' SET ALLOW_SNAPSHOT_ISOLATION ON';
EXEC (@allow);
GO
-- A table with masked columns is mirrored only if the login may see the unmasked values:
--   GRANT UNMASK TO saas_readers;
-- With Change Tracking, deletes are reported by key; without it they are found by the row counts of slices. Enable
-- it in the database, then for each table:
--   ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON);
--   ALTER TABLE dbo.orders ENABLE CHANGE_TRACKING;
