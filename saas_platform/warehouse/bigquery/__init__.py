"""BigQuery as the warehouse, in one project, through Google's client."""
