{{ config(materialized='view') }}
{# For each table, the column that says when a row takes effect. #}
{% set moments = {
    'accounts': ('stg_accounts', 'signed_up_at'),
    'subscription_changes': ('stg_subscription_changes', 'effective_at'),
    'invoices': ('stg_invoices', 'issued_at'),
    'payments': ('stg_payments', 'attempted_at'),
    'promo_redemptions': ('stg_promo_redemptions', 'redeemed_at'),
    'support_tickets': ('stg_support_tickets', 'opened_at')
} %}
with dated as (
    {% for table, (model, moment) in moments.items() %}
    select
        '{{ table }}' as table_name,
        created_at,
        {{ moment }} as takes_effect_at
    from {{ ref(model) }}

    union all

    {% endfor %}
    -- A change to an invoice also changes its payments in the marts.
    select
        'invoices' as table_name,
        invoices.created_at,
        payments.attempted_at as takes_effect_at
    from {{ ref('stg_invoices') }} as invoices
    inner join {{ ref('stg_payments') }} as payments on invoices.invoice_id = payments.invoice_id
),

by_month as (
    select
        table_name,
        {{ month_of('created_at') }} as created_month,
        {{ month_of('min(takes_effect_at)') }} as first_effect_month
    from dated
    group by table_name, {{ month_of('created_at') }}
)

select
    table_name,
    created_month,
    first_effect_month
from by_month
where first_effect_month < created_month
