-- Payment attempts with the account and the part that is not tax.
with payments as (
    select * from {{ ref('stg_payments') }}
),

invoices as (
    select * from {{ ref('stg_invoices') }}
),

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
)

select
    payments.payment_id,
    payments.invoice_id,
    subscriptions.account_id,
    payments.attempt_no,
    payments.kind,
    payments.status,
    payments.attempted_at,
    {{ month_of('payments.attempted_at') }} as month,
    payments.amount,
    case
        when invoices.total = 0 then payments.amount
        else {{ money_share(
            'payments.amount', in_cents('invoices.total - invoices.tax'), in_cents('invoices.total')
        ) }}
    end as net_amount
from payments
inner join invoices on payments.invoice_id = invoices.invoice_id
inner join subscriptions on invoices.subscription_id = subscriptions.subscription_id
