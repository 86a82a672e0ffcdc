"""Dashboards for Grafana, from tables: `today` for the manager, `delivery` for the operator."""
