"""Files that a CRM uploads."""
