"""Looks at everything that the service needs, changes nothing, and says what to paste."""
