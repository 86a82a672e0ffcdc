"""The other side of a measurement: CRM, Graph API, Open Klant."""
