"""The settings of a test, and the people and texts in it."""

from __future__ import annotations

API = "/api/lead-magnet"


DELIVERY = "guide-mariee-sereine-delivery-fr-1"


NEWSLETTER = "guide-mariee-sereine-newsletter-fr-1"


ADA = "ada@example.org"


# How often, never who: what a try that leaves no trace of anybody still counts on.
COUNTS = frozenset(("lm_signup_limits", "lm_signup_outcomes"))


SETTINGS = {
    "SITE_URL": "https://www.light-and-shutter.example",
    "API_URL": "https://api.light-and-shutter.example",
    "S3_BUCKET": "leadmagnet-guides",
    "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
    "SES_CONFIGURATION_SET": "leadmagnet",
    "SES_MAX_RATE": "10000",
    "UNSUBSCRIBE_KEYS": "k1-" + "x" * 40,
    "HASH_KEY": "h1-" + "z" * 40,
    # Tests sign up many, from one network and without the wait that hides what happened.
    "SIGNUPS_PER_HOUR": "100000",
    "GUESSES_PER_HOUR": "100000",
    "BEAT_MILLISECONDS": "0",
}
