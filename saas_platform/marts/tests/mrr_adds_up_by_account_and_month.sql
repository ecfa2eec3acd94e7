{{ config(meta={'dagster': {'ref': {'name': 'fct_mrr_movements'}}}) }}

-- For each account and month, opening MRR + movements = closing MRR to the cent, by the ledger and by the
-- sums in account_months. A discount never raises the MRR and never makes it negative.
with account_months as (
    select * from {{ ref('account_months') }}
),

movements as (
    select
        account_id,
        month,
        sum(amount) as amount
    from {{ ref('fct_mrr_movements') }}
    group by account_id, month
)

select
    account_months.account_id,
    account_months.month
from account_months
left join movements
    on account_months.account_id = movements.account_id and account_months.month = movements.month
where
    account_months.closing_mrr < 0
    or account_months.closing_mrr > account_months.closing_list_mrr
    or account_months.opening_mrr + coalesce(movements.amount, 0) <> account_months.closing_mrr
    or account_months.opening_mrr
    {% for movement in movement_kinds() %} + account_months.{{ movement }}_mrr {% endfor %}
    <> account_months.closing_mrr
