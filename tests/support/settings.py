"""The settings of whatever a test, a benchmark or the fault campaign starts."""

from __future__ import annotations

import os

API = "/api/lead-magnet"


DELIVERY = "guide-mariee-sereine-delivery-fr-1"


NEWSLETTER = "guide-mariee-sereine-newsletter-fr-1"


ADA = "ada@example.org"


# How often, never who: what a try that leaves no trace of anybody still counts on.
COUNTS = frozenset(("lm_signup_limits", "lm_request_outcomes"))


# What has no default; all else is as in production.
REQUIRED = {
    "SITE_URL": "https://www.light-and-shutter.example",
    "STUDIO_NAME": "Light & Shutter",
    "POSTAL_ADDRESS": "1 rue de la Lumière, 75011 Paris",
    "API_URL": "https://api.light-and-shutter.example",
    "S3_BUCKET": "leadmagnet-guides",
    "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
    "SES_CONFIGURATION_SET": "leadmagnet",
    "UNSUBSCRIBE_KEYS": "k1-" + "x" * 40,
    "HASH_KEY": "h1-" + "z" * 40,
}
# Tests sign up many, from one network.
SETTINGS = REQUIRED | {
    "SES_MAX_RATE": "10000",
    "SIGNUPS_PER_HOUR": "100000",
    "GUESSES_PER_HOUR": "100000",
}
# Credentials of nobody: what is started reads no file and asks no instance for others.
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
