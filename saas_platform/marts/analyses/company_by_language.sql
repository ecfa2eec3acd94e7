-- Accounts, users and revenue by language.
{{ company_by('language') }}
