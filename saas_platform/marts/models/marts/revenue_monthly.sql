{{ config(partition_by=by_month('month')) }}

with months as (
    select * from {{ ref('int_months') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
    where status <> 'void'
),

payments as (
    select * from {{ ref('fct_payments') }}
    where status = 'succeeded'
),

recognised as (
    select * from {{ ref('int_revenue_recognised') }}
),

invoiced as (
    select
        month,
        count(*) as invoices,
        {{ sum_money('subtotal') }} as gross,
        {{ sum_money('discount') }} as discounts,
        {{ sum_money('tax') }} as tax
    from invoices
    group by month
),

written_off as (
    select
        {{ month_of('settled_at') }} as month,
        {{ sum_money('net_amount') }} as amount
    from invoices
    where status = 'uncollectible'
    group by {{ month_of('settled_at') }}
),

paid as (
    select
        month,
        {{ sum_money("case when kind = 'charge' then amount end") }} as collected,
        {{ sum_money("case when kind = 'refund' then amount end") }} as refunded,
        {{ sum_money("case when kind = 'refund' then net_amount end") }} as net_refunded
    from payments
    group by month
),

earned as (
    select
        month,
        {{ sum_money('amount') }} as amount
    from recognised
    group by month
),

combined as (
    select
        months.month,
        months.is_complete,
        coalesce(invoiced.invoices, 0) as invoices,
        {% for column in [
            'invoiced.gross', 'invoiced.discounts', 'invoiced.tax', 'written_off.amount',
            'paid.collected', 'paid.refunded', 'paid.net_refunded', 'earned.amount'
        ] %}
        coalesce({{ column }}, cast(0 as {{ type_money() }})) as {{ column | replace('.', '_') }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from months
    left join invoiced on months.month = invoiced.month
    left join written_off on months.month = written_off.month
    left join paid on months.month = paid.month
    left join earned on months.month = earned.month
)

select
    month,
    is_complete,
    invoices,
    invoiced_gross as gross_invoiced,
    invoiced_discounts as discounts,
    invoiced_tax as tax,
    cast(invoiced_gross - invoiced_discounts as {{ type_money() }}) as net_invoiced,
    paid_net_refunded as refunds,
    written_off_amount as written_off,
    cast(
        invoiced_gross - invoiced_discounts - paid_net_refunded - written_off_amount
        as {{ type_money() }}
    ) as net_revenue,
    cast(earned_amount - paid_net_refunded as {{ type_money() }}) as recognised_revenue,
    paid_collected as cash_collected,
    paid_refunded as cash_refunded
from combined
