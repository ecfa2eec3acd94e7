-- How MRR grew and shrank each month, in money and in number of movements.
with mrr_monthly as (
    select * from {{ ref('mrr_monthly') }}
    where is_complete
),

moved as (
    select
        month
        {%- for movement in movement_kinds() %},
        {{ count_where("movement = '" ~ movement ~ "'") }} as {{ movement }}_movements
        {%- endfor %}
    from {{ ref('fct_mrr_movements') }}
    group by month
)

select
    mrr_monthly.month,
    mrr_monthly.opening_mrr
    {%- for movement in movement_kinds() %},
    mrr_monthly.{{ movement }}_mrr,
    coalesce(moved.{{ movement }}_movements, 0) as {{ movement }}_movements
    {%- endfor %},
    mrr_monthly.closing_mrr,
    {{ ratio('mrr_monthly.closing_mrr - mrr_monthly.opening_mrr', 'mrr_monthly.opening_mrr') }} as growth_rate,
    mrr_monthly.quick_ratio,
    mrr_monthly.nrr,
    mrr_monthly.grr
from mrr_monthly
left join moved on mrr_monthly.month = moved.month
order by mrr_monthly.month
