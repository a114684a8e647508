"""Kafka: one connection, one way to publish, one way to subscribe, one table of topics."""
