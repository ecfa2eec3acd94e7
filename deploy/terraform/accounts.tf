# Who may do what, in full: an account has the roles named here and no others. None gets a key: act as one
# by impersonation, or attach it to the machine that runs the platform.

locals {
  accounts = {
    platform    = "Runs the whole of saas-platform: loads raw, builds marts and models"
    loader      = "Loads raw alone: saas-platform sync, verify, repair"
    transformer = "Builds marts and models from raw alone"
    reader      = "Reads marts alone: dashboards and notebooks"
  }

  # To run jobs, and to read their results through the Storage API.
  project_roles = ["roles/bigquery.jobUser", "roles/bigquery.readSessionUser"]

  # The loader looks at where marts and models lie, and at nothing in them.
  dataset_roles = {
    raw = {
      platform    = "roles/bigquery.dataEditor"
      loader      = "roles/bigquery.dataEditor"
      transformer = "roles/bigquery.dataViewer"
    }
    marts = {
      platform    = "roles/bigquery.dataEditor"
      loader      = "roles/bigquery.metadataViewer"
      transformer = "roles/bigquery.dataEditor"
      reader      = "roles/bigquery.dataViewer"
    }
    models = {
      platform    = "roles/bigquery.dataEditor"
      loader      = "roles/bigquery.metadataViewer"
      transformer = "roles/bigquery.dataEditor"
    }
  }

  # The second lets an account see where the bucket lies, which the doctor does.
  bucket_roles = {
    platform = ["roles/storage.objectUser", "roles/storage.legacyBucketReader"]
    loader   = ["roles/storage.objectUser", "roles/storage.legacyBucketReader"]
  }
}

resource "google_service_account" "account" {
  for_each = local.accounts

  project      = var.project
  account_id   = "saas-${each.key}"
  display_name = "saas-platform ${each.key}"
  description  = each.value

  depends_on = [google_project_service.used]
}

resource "google_project_iam_member" "account" {
  for_each = {
    for pair in setproduct(keys(local.accounts), local.project_roles) :
    "${pair[0]} ${pair[1]}" => { account = pair[0], role = pair[1] }
  }

  project = var.project
  role    = each.value.role
  member  = google_service_account.account[each.value.account].member
}

resource "google_bigquery_dataset_iam_member" "account" {
  for_each = merge([
    for dataset, roles in local.dataset_roles : {
      for account, role in roles :
      "${dataset} ${account}" => { dataset = dataset, account = account, role = role }
    }
  ]...)

  project    = var.project
  dataset_id = google_bigquery_dataset.layer[each.value.dataset].dataset_id
  role       = each.value.role
  member     = google_service_account.account[each.value.account].member
}

resource "google_storage_bucket_iam_member" "account" {
  for_each = merge([
    for account, roles in local.bucket_roles : {
      for role in roles : "${account} ${role}" => { account = account, role = role }
    }
  ]...)

  bucket = google_storage_bucket.staging.name
  role   = each.value.role
  member = google_service_account.account[each.value.account].member
}

resource "google_service_account_iam_member" "impersonator" {
  for_each = merge([
    for account, members in var.impersonators : {
      for member in members : "${account} ${member}" => { account = account, member = member }
    }
  ]...)

  service_account_id = google_service_account.account[each.value.account].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value.member
}
