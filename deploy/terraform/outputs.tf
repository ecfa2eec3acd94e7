output "warehouse_url" {
  description = "SAAS_WAREHOUSE_URL, for `.env`."
  value       = "bigquery://${var.project}?location=${var.location}&staging=gs://${google_storage_bucket.staging.name}/loads"
}

output "accounts" {
  description = "The accounts' addresses, to impersonate or to attach to a machine."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "datasets" {
  description = "The datasets, as other tools name them."
  value       = { for name, dataset in google_bigquery_dataset.layer : name => "${var.project}.${dataset.dataset_id}" }
}
