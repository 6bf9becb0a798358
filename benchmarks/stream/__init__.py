"""A worker on a real Kafka and a real Redis, end to end, beside what else a user could run."""
