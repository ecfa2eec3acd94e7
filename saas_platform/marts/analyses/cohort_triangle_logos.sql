-- Shows the share of each signup cohort that are still customers k months after they first paid.
{{ cohort_triangle('retained_accounts', 'observed_accounts') }}
