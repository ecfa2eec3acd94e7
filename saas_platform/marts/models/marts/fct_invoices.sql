{{ config(**rebuilt_by_month('month', ['invoices', 'subscriptions'], cluster_by=['account_id', 'subscription_id'])) }}

with invoices as (
    select * from {{ ref('stg_invoices') }}
    {% if is_incremental() %}
    where issued_at >= {{ rebuilt_from(type=dbt.type_timestamp()) }}
    {% endif %}
),

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
)

select
    invoices.invoice_id,
    invoices.number,
    subscriptions.account_id,
    invoices.subscription_id,
    invoices.status,
    invoices.issued_at,
    {{ month_of('invoices.issued_at') }} as month,
    invoices.due_at,
    invoices.period_start,
    invoices.period_end,
    invoices.subtotal,
    invoices.discount,
    cast(invoices.subtotal - invoices.discount as {{ type_money() }}) as net_amount,
    invoices.tax,
    invoices.total,
    invoices.paid_at,
    -- The last change of an invoice that was given up or withdrawn is the time at which that happened.
    coalesce(
        invoices.paid_at,
        case when invoices.status in ('uncollectible', 'void') then invoices.updated_at end
    ) as settled_at
from invoices
inner join subscriptions on invoices.subscription_id = subscriptions.subscription_id
