"""The lead-magnet API: an e-mail address in, a proven consent and a PDF guide out."""

__version__ = "0.1.0"
