{{ config(meta={'dagster': {'ref': {'name': 'stg_invoices'}}}) }}

-- The items add up to the subtotal, and subtotal - discount + tax = total.
with invoices as (
    select * from {{ ref('stg_invoices') }}
),

items as (
    select
        invoice_id,
        sum(amount) as amount
    from {{ ref('stg_invoice_items') }}
    group by invoice_id
)

select invoices.invoice_id
from invoices
left join items on invoices.invoice_id = items.invoice_id
where
    coalesce(items.amount, 0) <> invoices.subtotal
    or coalesce(items.amount, 0) - invoices.discount + invoices.tax <> invoices.total
