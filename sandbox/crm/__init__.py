"""Stand-in for a CRM and the desks of its departments."""
