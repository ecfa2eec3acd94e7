# All rights of all accounts: an account has the roles named here and no others. No account gets a key. Act as one by
# impersonation, or attach it to the machine that runs the platform.

locals {
  accounts = {
    platform    = "Runs the whole of saas-platform: loads raw, builds marts and models"
    loader      = "Loads only raw: saas-platform sync, verify, repair"
    transformer = "Only builds marts and models from raw"
    reader      = "Only reads marts and models: dashboards and notebooks"
  }

  # These allow an account to run jobs and to read their results through the Storage API.
  project_roles = ["roles/bigquery.jobUser", "roles/bigquery.readSessionUser"]

  # The loader may see the location of marts and models, and nothing in them.
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
      reader      = "roles/bigquery.dataViewer"
    }
  }

  # The second role lets an account see the bucket's location, which the doctor checks.
  bucket_roles = {
    platform = ["roles/storage.objectUser", "roles/storage.legacyBucketReader"]
    loader   = ["roles/storage.objectUser", "roles/storage.legacyBucketReader"]
  }

  # No predefined role but the owner's has the first permission.
  tagging_permissions = ["bigquery.tables.setCategory", "datacatalog.taxonomies.get"]
  taggers             = ["platform", "loader"]
  tag_readers         = ["platform", "loader", "transformer"]
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

# Columns with personal data: the accounts that create the mirrors add the tags, and the accounts that read whole rows
# may read the tagged columns.

resource "google_project_iam_custom_role" "tagger" {
  count = length(var.policy_tags) == 0 ? 0 : 1

  project     = var.project
  role_id     = "saasPlatformTagger"
  title       = "saas-platform tagger"
  description = "Adds policy tags to columns of tables that the account may change anyway"
  permissions = local.tagging_permissions

  depends_on = [google_project_service.used]
}

resource "google_project_iam_member" "tagger" {
  for_each = length(var.policy_tags) == 0 ? toset([]) : toset(local.taggers)

  project = var.project
  role    = google_project_iam_custom_role.tagger[0].id
  member  = google_service_account.account[each.value].member
}

resource "google_data_catalog_policy_tag_iam_member" "account" {
  for_each = {
    for pair in setproduct(local.tag_readers, var.policy_tags) :
    "${pair[0]} ${pair[1]}" => { account = pair[0], tag = pair[1] }
  }

  policy_tag = each.value.tag
  role       = "roles/datacatalog.categoryFineGrainedReader"
  member     = google_service_account.account[each.value.account].member

  depends_on = [google_project_service.used]
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
