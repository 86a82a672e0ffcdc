"""RabbitMQ: topology, connection, confirmed publishing, consuming, group commit."""
