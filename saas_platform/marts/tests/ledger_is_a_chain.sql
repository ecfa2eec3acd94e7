-- Each movement of an account opens where the previous one closed, and its sign fits its kind.
with movements as (
    select
        *,
        lag(closing_mrr) over (partition by account_id order by month, movement_no) as previous_closing
    from {{ ref('fct_mrr_movements') }}
)

select
    account_id,
    month,
    movement_no
from movements
where
    opening_mrr <> coalesce(previous_closing, 0)
    or opening_mrr + amount <> closing_mrr
    or (movement in ('new', 'reactivation') and (opening_mrr <> 0 or amount <= 0))
    or (movement = 'expansion' and amount <= 0)
    or (movement = 'contraction' and amount >= 0)
    or (movement = 'churn' and closing_mrr <> 0)
