-- Whoever is active in a day is active in its week, and in its four weeks.
select date_day
from {{ ref('user_growth_daily') }}
where dau > wau or wau > mau
