{{ config(**rebuilt_by_month(
    'month',
    [
        'accounts', 'subscriptions', 'subscription_changes', 'invoices', 'payments', 'promo_redemptions',
        'usage_events', 'support_tickets'
    ],
    months_before=1,
    cluster_by=['account_id']
)) }}

with account_months as (
    select * from {{ ref('account_months') }}
),

accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
),

plans as (
    select * from {{ ref('int_account_month_plans') }}
),

subscription_states as (
    select * from {{ ref('int_subscription_states') }}
),

usage_daily as (
    select * from {{ ref('fct_usage_daily') }}
),

recent_usage as (
    select * from {{ ref('int_account_month_usage') }}
),

feature_use as (
    select * from {{ ref('int_account_month_feature_use') }}
),

tickets as (
    select * from {{ ref('stg_support_tickets') }}
),

payments as (
    select * from {{ ref('fct_payments') }}
    where kind = 'charge' and status = 'failed'
),

redemptions as (
    select * from {{ ref('stg_promo_redemptions') }}
    where redeemed_at is not null
),

promo_codes as (
    select * from {{ ref('dim_promo_code') }}
),

next_states as (
    select
        account_months.*,
        lead(account_months.closing_is_customer) over (
            partition by account_months.account_id order by account_months.month
        ) as next_is_customer,
        lead(account_months.churn_kind) over (
            partition by account_months.account_id order by account_months.month
        ) as next_churn_kind,
        lead(months.is_complete) over (
            partition by account_months.account_id order by account_months.month
        ) as next_is_complete,
        months.end_at,
        months.end_date
    from account_months
    inner join months on account_months.month = months.month
),

paying as (
    select * from next_states
    where closing_is_paying
),

logins as (
    select
        account_id,
        {{ month_of('usage_date') }} as month,
        max(usage_date) as last_login_date
    from usage_daily
    where logins > 0
    group by account_id, {{ month_of('usage_date') }}
),

last_logins as (
    select
        account_months.account_id,
        account_months.month,
        max(logins.last_login_date) over (
            partition by account_months.account_id order by account_months.month
            rows between unbounded preceding and current row
        ) as last_login_date
    from account_months
    left join logins
        on account_months.account_id = logins.account_id and account_months.month = logins.month
),

recent_tickets as (
    select
        paying.account_id,
        paying.month,
        {{ count_where('tickets.opened_at >= ' ~ add_to_timestamp('day', -30, 'paying.end_at')) }} as tickets_30d,
        count(*) as tickets_90d,
        {{ count_where(
            "tickets.category = 'complaint' and tickets.opened_at >= "
            ~ add_to_timestamp('day', -30, 'paying.end_at')
        ) }} as complaints_30d,
        {{ count_where("tickets.category = 'complaint'") }} as complaints_90d
    from paying
    inner join tickets
        on
            paying.account_id = tickets.account_id
            and paying.end_at > tickets.opened_at
            and {{ add_to_timestamp('day', -90, 'paying.end_at') }} <= tickets.opened_at
    group by paying.account_id, paying.month
),

recent_failures as (
    select
        paying.account_id,
        paying.month,
        count(*) as failed_payments_60d
    from paying
    inner join payments
        on
            paying.account_id = payments.account_id
            and paying.end_at > payments.attempted_at
            and {{ add_to_timestamp('day', -60, 'paying.end_at') }} <= payments.attempted_at
    group by paying.account_id, paying.month
),

seat_steps as (
    select
        account_id,
        valid_from,
        seats - lag(seats) over (partition by subscription_id order by valid_from) as step
    from subscription_states
    where is_live
),

recent_seats as (
    select
        paying.account_id,
        paying.month,
        {{ sum_integer('seat_steps.step') }} as seats_change_90d,
        count(*) as seat_changes_90d
    from paying
    inner join seat_steps
        on
            paying.account_id = seat_steps.account_id
            and paying.end_at > seat_steps.valid_from
            and {{ add_to_timestamp('day', -90, 'paying.end_at') }} <= seat_steps.valid_from
    where seat_steps.step <> 0
    group by paying.account_id, paying.month
),

promos as (
    select
        paying.account_id,
        paying.month,
        promo_codes.kind,
        promo_codes.discount_percent,
        row_number() over (
            partition by paying.account_id, paying.month
            order by redemptions.redeemed_at desc, redemptions.promo_code_id desc
        ) as from_last
    from paying
    inner join redemptions
        on paying.account_id = redemptions.account_id and paying.end_at > redemptions.redeemed_at
    inner join promo_codes on redemptions.promo_code_id = promo_codes.promo_code_id
)

select
    paying.account_id,
    paying.month,
    paying.months_since_first_paid as tenure_months,
    accounts.segment,
    accounts.industry,
    accounts.country,
    accounts.acquisition_channel,
    accounts.employee_count,
    plans.tier,
    plans.billing_interval,
    {{ dbt.datediff('paying.month', 'plans.period_end', 'month') }} as months_to_renewal,
    {{ dbt.datediff('paying.end_at', 'plans.period_end', 'day') }} as days_to_renewal,
    paying.closing_subscriptions as subscriptions,
    paying.closing_seats as seats,
    coalesce(recent_seats.seat_changes_90d, 0) as seat_changes_90d,
    coalesce(recent_seats.seats_change_90d, 0) as seats_change_90d,
    paying.closing_mrr as mrr,
    paying.closing_list_mrr as list_mrr,
    plans.discount_percent,
    coalesce(promos.kind, 'none') as promo_kind,
    coalesce(promos.discount_percent, 0) as promo_discount_percent,
    coalesce(recent_usage.active_users_7d, 0) as active_users_7d,
    coalesce(recent_usage.active_users_28d, 0) as active_users_28d,
    coalesce(recent_usage.events_30d, 0) as events_30d,
    coalesce(recent_usage.events_previous_30d, 0) as events_previous_30d,
    {{ ratio('recent_usage.events_30d', 'recent_usage.events_previous_30d') }} as events_ratio,
    {{ dbt.datediff('last_logins.last_login_date', 'paying.end_date', 'day') }} as days_since_last_login,
    coalesce(feature_use.features_used_28d, 0) as features_used_28d,
    coalesce(recent_tickets.tickets_30d, 0) as tickets_30d,
    coalesce(recent_tickets.tickets_90d, 0) as tickets_90d,
    coalesce(recent_tickets.complaints_30d, 0) as complaints_30d,
    coalesce(recent_tickets.complaints_90d, 0) as complaints_90d,
    coalesce(recent_failures.failed_payments_60d, 0) as failed_payments_60d,
    paying.closing_is_past_due as is_past_due,
    case when paying.next_is_complete then not paying.next_is_customer end as churned_next_month,
    case when paying.next_is_complete then paying.next_churn_kind end as churn_kind
from paying
inner join accounts on paying.account_id = accounts.account_id
left join plans on paying.account_id = plans.account_id and paying.month = plans.month
left join recent_usage
    on paying.account_id = recent_usage.account_id and paying.month = recent_usage.month
left join feature_use on paying.account_id = feature_use.account_id and paying.month = feature_use.month
left join last_logins on paying.account_id = last_logins.account_id and paying.month = last_logins.month
left join recent_tickets
    on paying.account_id = recent_tickets.account_id and paying.month = recent_tickets.month
left join recent_failures
    on paying.account_id = recent_failures.account_id and paying.month = recent_failures.month
left join recent_seats
    on paying.account_id = recent_seats.account_id and paying.month = recent_seats.month
left join promos
    on
        paying.account_id = promos.account_id
        and paying.month = promos.month
        and promos.from_last = 1
{% if is_incremental() %}
where paying.month >= {{ rebuilt_from() }}
{% endif %}
