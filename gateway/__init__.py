"""The gateway: receives webhooks and CRM commands, makes them durable, and answers."""
