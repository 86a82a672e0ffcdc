"""Delivery to destinations: scheduling, circuit breaker, settlement."""
