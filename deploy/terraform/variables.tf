variable "project" {
  description = "Project that holds the datasets and is billed; it must exist already."
  type        = string
}

variable "location" {
  description = "Location of the datasets, the staging bucket and every job: EU, US or a region. It can't be changed later."
  type        = string
  default     = "EU"
}

variable "region" {
  description = "The provider's default region; no resource here depends on it."
  type        = string
  default     = "europe-west3"
}

variable "protect_data" {
  description = "Whether `terraform destroy` refuses to drop a dataset that has tables."
  type        = bool
  default     = true
}

variable "time_travel_hours" {
  description = "Hours for which an earlier state of a table can be read: a multiple of 24 from 48 to 168."
  type        = number
  default     = 168

  validation {
    condition     = contains([48, 72, 96, 120, 144, 168], var.time_travel_hours)
    error_message = "time_travel_hours must be a multiple of 24 from 48 to 168."
  }
}

variable "staging_bucket" {
  description = "Name of the staging bucket, which must be unique among all buckets of Google Cloud; null: PROJECT-saas-staging."
  type        = string
  default     = null
}

variable "staging_days" {
  description = "Days after which files that a killed load left in the staging bucket are deleted."
  type        = number
  default     = 2

  validation {
    condition     = var.staging_days >= 1
    error_message = "staging_days must be 1 or more: a load may still read a younger file."
  }
}

variable "impersonators" {
  description = "Who may act as the accounts created here, by account, for example { platform = [\"user:me@example.com\"] }."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for account in keys(var.impersonators) : contains(["platform", "loader", "transformer", "reader"], account)])
    error_message = "impersonators may name only the accounts platform, loader, transformer and reader."
  }
}

variable "policy_tags" {
  description = "Policy tags that SAAS_WAREHOUSE_URL names for columns with personal data, by resource name; they must exist already, in this project."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.policy_tags : can(regex("^projects/[^/]+/locations/[^/]+/taxonomies/[^/]+/policyTags/[^/]+$", tag))])
    error_message = "Each of policy_tags must have the form projects/P/locations/L/taxonomies/T/policyTags/N."
  }
}

variable "billing_account" {
  description = "Billing account of the project, 000000-000000-000000; null: no budget is created."
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "Monthly budget of the project, in whole units of the billing account's currency."
  type        = number
  default     = 50
}

variable "budget_emails" {
  description = "Email addresses that get budget alerts in addition to the billing account's administrators; five at most."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.budget_emails) <= 5
    error_message = "budget_emails may have at most five addresses."
  }
}

variable "labels" {
  description = "Labels of all resources created here, in addition to managed_by and layer."
  type        = map(string)
  default     = {}
}
