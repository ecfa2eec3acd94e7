-- Shows the MRR of each signup cohort k months after it first paid, as a share of its MRR in month 0.
{{ cohort_triangle('retained_mrr', 'observed_first_mrr') }}
