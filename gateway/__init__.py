"""The front door: webhooks and CRM commands in, made durable, answered."""
