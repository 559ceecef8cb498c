"""What the running service reports: logs, metrics, errors."""
