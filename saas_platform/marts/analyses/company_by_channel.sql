-- Accounts, users and revenue by channel.
{{ company_by('acquisition_channel') }}
