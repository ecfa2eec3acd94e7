"""BigQuery as the warehouse: one project, through Google's client."""
