"""Input of the measurements: texts, webhooks, receipts, records."""
