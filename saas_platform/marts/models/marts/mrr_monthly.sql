{{ config(partition_by=by_month('month')) }}

with account_months as (
    select * from {{ ref('account_months') }}
),

months as (
    select * from {{ ref('int_months') }}
),

-- An account that paid at the start and was reactivated later had left in between: its MRR is not retained.
with_year_ago as (
    select
        account_months.*,
        coalesce(
            lag(closing_mrr, 12) over (partition by account_id order by month),
            cast(0 as {{ type_money() }})
        ) as year_ago_mrr,
        max(case when reactivation_mrr > 0 then 1 else 0 end) over (
            partition by account_id
            order by month
            rows between 11 preceding and current row
        ) = 1 as is_back_within_year
    from account_months
),

summed as (
    select
        month,
        {{ sum_money('opening_mrr') }} as opening_mrr,
        {% for movement in movement_kinds() %}
        {{ sum_money(movement ~ '_mrr') }} as {{ movement }}_mrr,
        {% endfor %}
        {{ sum_money('closing_mrr') }} as closing_mrr,
        {{ sum_money('closing_list_mrr') }} as closing_list_mrr,
        {{ count_where('closing_is_paying') }} as paying_accounts,
        {{ count_where('closing_is_customer') }} as customers,
        {{ sum_money('case when opening_mrr > 0 and reactivation_mrr = 0 then closing_mrr end') }} as retained_mrr,
        {{ sum_money('least(closing_mrr, opening_mrr)') }} as kept_mrr,
        {{ sum_money('year_ago_mrr') }} as year_ago_mrr,
        {{ sum_money(
            'case when year_ago_mrr > 0 and not is_back_within_year then closing_mrr end'
        ) }} as year_retained_mrr,
        {{ sum_money('least(closing_mrr, year_ago_mrr)') }} as year_kept_mrr
    from with_year_ago
    group by month
)

select
    summed.month,
    months.is_complete,
    summed.opening_mrr,
    {% for movement in movement_kinds() %}
    summed.{{ movement }}_mrr,
    {% endfor %}
    summed.closing_mrr,
    summed.closing_list_mrr,
    cast(12 * summed.closing_mrr as {{ type_money() }}) as arr,
    summed.paying_accounts,
    summed.customers,
    case
        when summed.paying_accounts > 0
            then {{ money_share('summed.closing_mrr', '1', 'summed.paying_accounts') }}
    end as arpa,
    {{ ratio('summed.retained_mrr', 'summed.opening_mrr') }} as nrr,
    {{ ratio('summed.kept_mrr', 'summed.opening_mrr') }} as grr,
    {{ ratio('summed.year_retained_mrr', 'summed.year_ago_mrr') }} as nrr_12m,
    {{ ratio('summed.year_kept_mrr', 'summed.year_ago_mrr') }} as grr_12m,
    {{ ratio(
        '(summed.new_mrr + summed.expansion_mrr + summed.reactivation_mrr)',
        '-(summed.contraction_mrr + summed.churn_mrr)'
    ) }} as quick_ratio
from summed
inner join months on summed.month = months.month
