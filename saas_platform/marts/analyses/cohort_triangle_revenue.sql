-- Part of each signup cohort's first MRR that is there k months after it first paid.
{{ cohort_triangle('retained_mrr', 'observed_first_mrr') }}
