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

  # Budgets are refused to a person's own login unless a project pays for the request.
  billing_project       = var.project
  user_project_override = true
}
