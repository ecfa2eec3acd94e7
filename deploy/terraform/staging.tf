# The bucket through which Parquet files are loaded into raw. BigQuery requires it to be in the datasets' location.

resource "google_storage_bucket" "staging" {
  project  = var.project
  name     = coalesce(var.staging_bucket, "${var.project}-saas-staging")
  location = var.location
  labels   = merge(local.labels, { layer = "staging" })

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # The bucket never holds the only copy of anything.
  force_destroy = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.staging_days
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  depends_on = [google_project_service.used]
}
