-- From signup to activation, payment and three paid months, by signup month. Only signups at least four
-- months before as_of count, so that each had time for every step.
with accounts as (
    select * from {{ ref('dim_account') }}
)

select
    signup_month,
    segment,
    count(*) as signups,
    {{ count_where('activated_at is not null') }} as activated,
    {{ count_where('first_paid_at is not null') }} as paid,
    {{ count_where(
        'first_paid_at is not null and coalesce(churned_at, ' ~ as_of() ~ ') >= '
        ~ add_to_timestamp('month', 3, 'first_paid_at')
    ) }} as paid_for_three_months,
    {{ ratio(count_where('activated_at is not null'), 'count(*)') }} as signup_to_activated,
    {{ ratio(count_where('first_paid_at is not null'), 'count(*)') }} as signup_to_paid
from accounts
where {{ add_to_timestamp('month', 4, 'signed_up_at') }} <= {{ as_of() }}
group by signup_month, segment
order by signup_month, segment
