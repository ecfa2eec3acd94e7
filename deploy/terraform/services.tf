# The services that the platform calls, or that Terraform calls to create these resources.

locals {
  services = concat(
    [
      "bigquery.googleapis.com",
      "bigquerystorage.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "storage.googleapis.com",
    ],
    length(var.policy_tags) == 0 ? [] : ["datacatalog.googleapis.com"],
    var.billing_account == null ? [] : ["billingbudgets.googleapis.com"],
    length(var.budget_emails) == 0 ? [] : ["monitoring.googleapis.com"],
  )
}

resource "google_project_service" "used" {
  for_each = toset(local.services)

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}
