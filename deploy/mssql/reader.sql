-- The login of a source that saas-platform only reads (SAAS_SYNTHETIC=false): SELECT in one schema, and
-- what tells of changes. For an administrator, once, in the database to be mirrored:
--
--   sqlcmd -S HOST -d DATABASE -v login=saas_reader password='...' schema=dbo -i deploy/mssql/reader.sql
--
-- Written to be run again: what is there already stays. For several schemas (?schema=sales,hr), run it once
-- for each.

-- Azure SQL Database (edition 5) makes logins in master alone: there the user has the password itself.
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
-- A security policy that hides rows of the schema may lie in another one, and shows itself by this alone.
GRANT VIEW DEFINITION TO saas_readers;
GO
ALTER ROLE saas_readers ADD MEMBER [$(login)];
GO
-- Readers see one moment, and neither wait for writers nor make them wait.
DECLARE @allow NVARCHAR(400) =
    N'ALTER DATABASE ' + QUOTENAME(DB_NAME()) + N' SET ALLOW_SNAPSHOT_ISOLATION ON';
EXEC (@allow);
GO
-- Masked columns are not mirrored unless the login sees through the masks:
--   GRANT UNMASK TO saas_readers;
-- Without that, computed columns of their tables are mirrored if the login may see what they are computed from:
--   GRANT SELECT ON sys.sql_expression_dependencies TO saas_readers;
-- Deletes are then told by key; without it they are found by the row counts of slices. For each table:
--   ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON);
--   ALTER TABLE dbo.orders ENABLE CHANGE_TRACKING;
