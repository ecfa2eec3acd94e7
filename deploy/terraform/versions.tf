terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # A person's own login may manage budgets only if a project is billed for the request.
  billing_project       = var.project
  user_project_override = true
}
