"""gunicorn: its settings and our worker class."""
