with account_months as (
    select * from {{ ref('account_months') }}
),

accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
)

select
    account_months.month,
    accounts.segment,
    months.is_complete,
    {{ sum_money('account_months.opening_mrr') }} as opening_mrr,
    {% for movement in movement_kinds() %}
    {{ sum_money('account_months.' ~ movement ~ '_mrr') }} as {{ movement }}_mrr,
    {% endfor %}
    {{ sum_money('account_months.closing_mrr') }} as closing_mrr,
    {{ sum_money('account_months.closing_list_mrr') }} as closing_list_mrr,
    {{ sum_money('12 * account_months.closing_mrr') }} as arr,
    {{ count_where('account_months.closing_is_paying') }} as paying_accounts,
    {{ count_where('account_months.closing_is_customer') }} as customers
from account_months
inner join accounts on account_months.account_id = accounts.account_id
inner join months on account_months.month = months.month
group by account_months.month, accounts.segment, months.is_complete
