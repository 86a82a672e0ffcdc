"""From a decision to CRM events and archive records. Pure."""
