{{ config(meta={'dagster': {'ref': {'name': 'trial_funnel'}}}) }}

-- A cohort that is shown holds every trial that started in it, whether it converted or not.
with trials as (
    select
        {{ month_of('trial_started_at') }} as cohort_month,
        trial_with_card,
        count(*) as started
    from {{ ref('stg_subscriptions') }}
    where trial_started_at is not null
    group by {{ month_of('trial_started_at') }}, trial_with_card
)

select funnel.cohort_month
from {{ ref('trial_funnel') }} as funnel
left join trials
    on funnel.cohort_month = trials.cohort_month and funnel.trial_with_card = trials.trial_with_card
where
    funnel.trials <> coalesce(trials.started, 0)
    or funnel.converted_trials + funnel.expired_trials <> funnel.trials
    or funnel.expired_trials < 0
