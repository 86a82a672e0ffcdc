"""Webhook endpoints, verified origin, partitioning of receipts."""
