{{ config(meta={'dagster': {'ref': {'name': 'revenue_monthly'}}}) }}

-- Once the period of an invoice is over, its recognised parts add up to its net amount. The months add up to
-- all invoices and all recognised parts.
with recognised as (
    select
        invoice_id,
        sum(amount) as amount
    from {{ ref('int_revenue_recognised') }}
    group by invoice_id
),

invoices as (
    select * from {{ ref('fct_invoices') }}
    where status <> 'void'
),

months as (
    select
        coalesce(sum(net_invoiced), 0) as net_invoiced,
        coalesce(sum(recognised_revenue + refunds), 0) as recognised
    from {{ ref('revenue_monthly') }}
),

totals as (
    select
        coalesce((select sum(net_amount) from invoices), 0) as net_invoiced,
        coalesce((select sum(amount) from recognised), 0) as recognised
)

select cast(invoices.invoice_id as {{ dbt.type_string() }}) as problem
from invoices
left join recognised on invoices.invoice_id = recognised.invoice_id
where
    invoices.status <> 'uncollectible'
    and invoices.period_end <= {{ as_of() }}
    and coalesce(recognised.amount, 0) <> invoices.net_amount

union all

select 'the months miss invoices' as problem
from months
cross join totals
where months.net_invoiced <> totals.net_invoiced or months.recognised <> totals.recognised
