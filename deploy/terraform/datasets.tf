# The datasets. What a load stages lies in raw, in tables that expire within a day: it needs none of its own.

locals {
  datasets = {
    raw    = "Exact mirrors of the source's tables, and the logs of syncs and proofs"
    marts  = "Dimensions, facts, metrics and report views, built by dbt"
    models = "Scores and evaluations of trained models"
  }

  # Not saas-platform's own label: `saas-platform reset` drops no dataset that Terraform made.
  labels = merge(var.labels, { managed_by = "terraform" })
}

resource "google_bigquery_dataset" "layer" {
  for_each = local.datasets

  project               = var.project
  dataset_id            = each.key
  description           = each.value
  location              = var.location
  labels                = merge(local.labels, { layer = each.key })
  max_time_travel_hours = var.time_travel_hours

  delete_contents_on_destroy = !var.protect_data

  depends_on = [google_project_service.used]
}
