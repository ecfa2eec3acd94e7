# This is an alert, not a limit: only `maximum_bytes_billed` in SAAS_WAREHOUSE_URL refuses a query.

data "google_project" "this" {
  count = var.billing_account == null ? 0 : 1

  project_id = var.project

  depends_on = [google_project_service.used]
}

resource "google_monitoring_notification_channel" "budget" {
  for_each = var.budget_emails

  project      = var.project
  display_name = "saas-platform budget: ${each.value}"
  type         = "email"
  labels = {
    email_address = each.value
  }

  depends_on = [google_project_service.used]
}

resource "google_billing_budget" "monthly" {
  count = var.billing_account == null ? 0 : 1

  billing_account = var.billing_account
  display_name    = "saas-platform ${var.project}"

  budget_filter {
    projects        = ["projects/${data.google_project.this[0].number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }

  threshold_rules {
    threshold_percent = 0.9
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = length(var.budget_emails) == 0 ? [] : [1]

    content {
      monitoring_notification_channels = [for channel in google_monitoring_notification_channel.budget : channel.id]
    }
  }

  depends_on = [google_project_service.used]
}
