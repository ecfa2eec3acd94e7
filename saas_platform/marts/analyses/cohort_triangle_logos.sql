-- Part of each signup cohort that is still there k months after it first paid.
{{ cohort_triangle('retained_accounts', 'observed_accounts') }}
