output "warehouse_url" {
  description = "The value of SAAS_WAREHOUSE_URL for `.env`."
  value       = "bigquery://${var.project}?location=${var.location}&staging=gs://${google_storage_bucket.staging.name}/loads"
}

output "accounts" {
  description = "Email addresses of the accounts, to impersonate or to attach to a machine."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "datasets" {
  description = "The datasets by their full names, as other tools expect them."
  value       = { for name, dataset in google_bigquery_dataset.layer : name => "${var.project}.${dataset.dataset_id}" }
}
