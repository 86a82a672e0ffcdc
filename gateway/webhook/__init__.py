"""Webhook endpoints, verification of the origin, and partitioning of receipts."""
