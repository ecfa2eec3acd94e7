variable "project" {
  description = "Project that holds the datasets, and is billed; it exists already."
  type        = string
}

variable "location" {
  description = "Where datasets and staging bucket lie, and every job runs: EU, US or a region. It can't be changed later."
  type        = string
  default     = "EU"
}

variable "region" {
  description = "The provider's default region; nothing made here depends on it."
  type        = string
  default     = "europe-west3"
}

variable "protect_data" {
  description = "Whether `terraform destroy` refuses to drop a dataset that has tables."
  type        = bool
  default     = true
}

variable "time_travel_hours" {
  description = "Hours for which a table can be read as it was: a multiple of 24 from 48 to 168."
  type        = number
  default     = 168

  validation {
    condition     = contains([48, 72, 96, 120, 144, 168], var.time_travel_hours)
    error_message = "time_travel_hours must be a multiple of 24 from 48 to 168."
  }
}

variable "staging_bucket" {
  description = "Name of the staging bucket, which no other bucket of the world has; null: PROJECT-saas-staging."
  type        = string
  default     = null
}

variable "staging_days" {
  description = "Days after which a file is deleted that a killed load has left in the staging bucket."
  type        = number
  default     = 2

  validation {
    condition     = var.staging_days >= 1
    error_message = "staging_days must be 1 or more: a load may still read a younger file."
  }
}

variable "impersonators" {
  description = "Who may act as the accounts made here, by account: such as { platform = [\"user:me@example.com\"] }."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for account in keys(var.impersonators) : contains(["platform", "loader", "transformer", "reader"], account)])
    error_message = "impersonators names the accounts platform, loader, transformer and reader."
  }
}

variable "policy_tags" {
  description = "Policy tags that SAAS_WAREHOUSE_URL names for columns with personal data, by resource name; they exist already, in this project."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.policy_tags : can(regex("^projects/[^/]+/locations/[^/]+/taxonomies/[^/]+/policyTags/[^/]+$", tag))])
    error_message = "policy_tags are written projects/P/locations/L/taxonomies/T/policyTags/N."
  }
}

variable "billing_account" {
  description = "Billing account of the project, 000000-000000-000000; null: no budget is made."
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "What the project may cost a month, in the billing account's currency, whole units."
  type        = number
  default     = 50
}

variable "budget_emails" {
  description = "Who is told of the budget besides the administrators of the billing account; five at most."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.budget_emails) <= 5
    error_message = "budget_emails has more than the five addresses that a budget takes."
  }
}

variable "labels" {
  description = "Labels of everything made here, besides managed_by and layer."
  type        = map(string)
  default     = {}
}
