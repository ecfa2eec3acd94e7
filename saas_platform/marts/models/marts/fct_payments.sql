{{ config(**rebuilt_by_month(
    'month', ['payments', 'invoices', 'subscriptions'], cluster_by=['account_id', 'invoice_id']
)) }}

with payments as (
    select * from {{ ref('stg_payments') }}
    {% if is_incremental() %}
    where attempted_at >= {{ rebuilt_from(type=dbt.type_timestamp()) }}
    {% endif %}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
)

select
    payments.payment_id,
    payments.invoice_id,
    invoices.account_id,
    payments.attempted_at,
    {{ month_of('payments.attempted_at') }} as month,
    payments.attempt_no,
    payments.kind,
    payments.method,
    payments.status,
    payments.failure_code,
    payments.amount,
    case
        when invoices.total = 0 then payments.amount
        else {{ money_share(
            'payments.amount', to_cents('invoices.net_amount'), to_cents('invoices.total')
        ) }}
    end as net_amount
from payments
inner join invoices on payments.invoice_id = invoices.invoice_id
