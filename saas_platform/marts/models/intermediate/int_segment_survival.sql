-- Computes the survival of a segment's customers over the 36 months of an LTV, as a life table: the share
-- left after month k is the product of 1 - churned / at risk up to k. A month that fewer than 30 accounts
-- have reached uses the segment's mean loss rate, so that a single account does not decide the result.
with account_months as (
    select * from {{ ref('account_months') }}
    where months_since_first_paid is not null
),

accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
    where is_complete
),

observed as (
    select
        accounts.segment,
        account_months.months_since_first_paid,
        -- All accounts are at risk in their first month, because they became customers during it.
        account_months.opening_is_customer or account_months.months_since_first_paid = 0 as is_at_risk,
        case
            when account_months.months_since_first_paid = 0 then not account_months.closing_is_customer
            else account_months.is_churned
        end as is_lost,
        account_months.closing_mrr
    from account_months
    inner join accounts on account_months.account_id = accounts.account_id
    inner join months on account_months.month = months.month
),

segments as (
    select
        segment,
        {{ count_where('is_at_risk') }} as at_risk,
        {{ count_where('is_lost') }} as lost,
        {{ sum_money('closing_mrr') }} as mrr,
        {{ count_where('closing_mrr > 0') }} as paying
    from observed
    group by segment
),

ages as (
    select
        segment,
        months_since_first_paid,
        {{ count_where('is_at_risk') }} as at_risk,
        {{ count_where('is_lost') }} as lost
    from observed
    group by segment, months_since_first_paid
),

horizon as (
    {% for age in range(ltv_months()) %}
    select {{ age }} as months_since_first_paid
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
),

rated as (
    select
        segments.segment,
        horizon.months_since_first_paid,
        case
            when segments.paying > 0 then {{ money_share('segments.mrr', '1', 'segments.paying') }}
        end as arpa,
        coalesce(ages.at_risk, 0) as at_risk,
        coalesce(
            case
                when ages.at_risk >= {{ min_at_risk() }} then {{ ratio('ages.lost', 'ages.at_risk') }}
            end,
            {{ ratio('segments.lost', 'segments.at_risk') }}
        ) as loss_rate
    from segments
    cross join horizon
    left join ages
        on
            segments.segment = ages.segment
            and horizon.months_since_first_paid = ages.months_since_first_paid
),

-- SQL has no product aggregate, so the logarithms are summed. Once all customers are lost, survival stays 0.
logged as (
    select
        rated.*,
        case when loss_rate < 1 then ln(1 - loss_rate) else 0 end as log_kept,
        case when loss_rate < 1 then 0 else 1 end as is_end
    from rated
)

select
    segment,
    months_since_first_paid,
    arpa,
    at_risk,
    loss_rate,
    case
        when max(is_end) over (
            partition by segment order by months_since_first_paid
            rows between unbounded preceding and current row
        ) = 1 then cast(0 as {{ type_ratio() }})
        else exp(sum(log_kept) over (
            partition by segment order by months_since_first_paid
            rows between unbounded preceding and current row
        ))
    end as survival
from logged
