-- Paying accounts, revenue and failed payments by payment method.
with payments as (
    select * from {{ ref('fct_payments') }}
)

select
    method,
    count(distinct account_id) as accounts,
    {{ count_where("kind = 'charge'") }} as charges,
    {{ ratio(
        count_where("kind = 'charge' and status = 'failed'"), count_where("kind = 'charge'")
    ) }} as decline_rate,
    {{ sum_money("case when status = 'succeeded' and kind = 'charge' then net_amount end") }} as collected,
    {{ sum_money("case when status = 'succeeded' and kind = 'refund' then net_amount end") }} as refunded
from payments
group by method
order by collected desc, method
