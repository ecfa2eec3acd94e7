-- Accounts, users and revenue by country.
{{ company_by('country') }}
