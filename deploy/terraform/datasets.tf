# The datasets. Staging tables of a load are in raw and expire within a day, so they need no dataset of their own.

locals {
  datasets = {
    raw    = "Exact mirrors of the source's tables, and the logs of syncs and proofs"
    marts  = "Dimensions, facts, metrics and report views, built by dbt"
    models = "Scores and evaluations of trained models"
  }

  # This is not saas-platform's own label, so that `saas-platform reset` drops no dataset that Terraform created.
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
