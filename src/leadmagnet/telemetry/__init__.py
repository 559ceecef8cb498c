"""What is told about the running service: logs, metrics, errors."""
