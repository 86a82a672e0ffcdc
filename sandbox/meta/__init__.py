"""Stand-in for Meta: Graph API and webhooks."""
