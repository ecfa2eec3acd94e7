{{ config(**rebuilt_by_month(
    'month',
    ['accounts', 'subscriptions', 'subscription_changes'],
    unaffected_by={'usage_events': 'only dim_account.activated_at depends on it, which is not read'},
    cluster_by=['account_id']
)) }}

with accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
),

steps as (
    select * from {{ ref('int_mrr_steps') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

spine as (
    select
        accounts.account_id,
        accounts.signup_month,
        accounts.first_paid_month,
        months.month
    from accounts
    inner join months on accounts.signup_month <= months.month
),

dated as (
    select
        steps.*,
        {{ month_of('valid_from') }} as month
    from steps
),

ranked as (
    select
        dated.*,
        row_number() over (partition by account_id, month order by valid_from desc) as from_last
    from dated
),

month_ends as (
    select
        ranked.*,
        lead(month) over (partition by account_id order by month) as next_month
    from ranked
    where from_last = 1
),

moved as (
    select
        account_id,
        month,
        {% for movement in movement_kinds() %}
        {{ sum_money("case when movement = '" ~ movement ~ "' then amount end") }} as {{ movement }}_mrr,
        {% endfor %}
        max(case when movement = 'churn' then movement_no end) as last_churn_no
    from movements
    group by account_id, month
),

churns as (
    select * from movements
    where movement = 'churn'
),

closed as (
    select
        spine.account_id,
        spine.month,
        spine.signup_month,
        spine.first_paid_month,
        coalesce(month_ends.mrr, cast(0 as {{ type_money() }})) as closing_mrr,
        coalesce(month_ends.list_mrr, cast(0 as {{ type_money() }})) as closing_list_mrr,
        coalesce(month_ends.is_customer, false) as closing_is_customer,
        coalesce(month_ends.live_subscriptions, 0) as closing_subscriptions,
        coalesce(month_ends.seats, 0) as closing_seats,
        coalesce(month_ends.paused_subscriptions, 0) > 0 as closing_is_paused,
        coalesce(month_ends.past_due_subscriptions, 0) > 0 as closing_is_past_due
    from spine
    left join month_ends
        on
            spine.account_id = month_ends.account_id
            and spine.month >= month_ends.month
            and (spine.month < month_ends.next_month or month_ends.next_month is null)
),

opened as (
    select
        closed.*,
        coalesce(
            lag(closing_mrr) over (partition by account_id order by month),
            cast(0 as {{ type_money() }})
        ) as opening_mrr,
        coalesce(
            lag(closing_list_mrr) over (partition by account_id order by month),
            cast(0 as {{ type_money() }})
        ) as opening_list_mrr,
        coalesce(
            lag(closing_is_customer) over (partition by account_id order by month), false
        ) as opening_is_customer
    from closed
)

select
    opened.account_id,
    opened.month,
    {{ dbt.datediff('opened.signup_month', 'opened.month', 'month') }} as months_since_signup,
    case
        when opened.month >= opened.first_paid_month
            then {{ dbt.datediff('opened.first_paid_month', 'opened.month', 'month') }}
    end as months_since_first_paid,
    opened.opening_mrr,
    {% for movement in movement_kinds() %}
    coalesce(moved.{{ movement }}_mrr, cast(0 as {{ type_money() }})) as {{ movement }}_mrr,
    {% endfor %}
    opened.closing_mrr,
    opened.opening_list_mrr,
    opened.closing_list_mrr,
    opened.opening_mrr > 0 as opening_is_paying,
    opened.closing_mrr > 0 as closing_is_paying,
    opened.opening_is_customer,
    opened.closing_is_customer,
    opened.closing_is_paused,
    opened.closing_is_past_due,
    opened.closing_subscriptions,
    opened.closing_seats,
    opened.opening_is_customer and not opened.closing_is_customer as is_churned,
    case
        when opened.opening_is_customer and not opened.closing_is_customer then churns.churn_kind
    end as churn_kind
from opened
left join moved on opened.account_id = moved.account_id and opened.month = moved.month
left join churns
    on
        moved.account_id = churns.account_id
        and moved.month = churns.month
        and moved.last_churn_no = churns.movement_no
{% if is_incremental() %}
where opened.month >= {{ rebuilt_from() }}
{% endif %}
