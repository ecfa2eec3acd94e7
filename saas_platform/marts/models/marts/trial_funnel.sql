{{ config(partition_by=by_month('cohort_month')) }}

with subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
    where trial_started_at is not null
),

months as (
    select * from {{ ref('int_months') }}
    where is_complete
),

cohorts as (
    select
        {{ month_of('trial_started_at') }} as cohort_month,
        trial_with_card,
        count(*) as trials,
        {{ count_where('activated_at is not null') }} as converted_trials,
        {{ count_where("status = 'trialing'") }} as running_trials,
        max(trial_ends_at) as last_trial_ends_at
    from subscriptions
    group by {{ month_of('trial_started_at') }}, trial_with_card
)

select
    cohorts.cohort_month,
    cohorts.trial_with_card,
    cohorts.trials,
    cohorts.converted_trials,
    cohorts.trials - cohorts.converted_trials as expired_trials,
    {{ ratio('cohorts.converted_trials', 'cohorts.trials') }} as conversion_rate
from cohorts
inner join months on cohorts.cohort_month = months.month
where cohorts.running_trials = 0 and cohorts.last_trial_ends_at < {{ as_of() }}
