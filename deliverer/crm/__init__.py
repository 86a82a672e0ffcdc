"""Delivery to destinations: scheduling, breaker, settlement."""
