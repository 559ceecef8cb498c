"""Whether AWS can be asked at all: a region, and credentials."""

from __future__ import annotations

from botocore.exceptions import ProfileNotFound
from botocore.session import Session


def missing_region() -> str | None:
    """What to set, where boto3 finds no region; it would sign for another, or die on its way."""
    session = Session()
    try:
        # Raises for a wrong profile even where the environment names the region.
        session.get_scoped_config()
    except ProfileNotFound:
        return "AWS_PROFILE names no profile of AWS's config files: correct it, or unset it"
    if session.get_config_variable("region"):
        return None
    return "no AWS region: set AWS_REGION (or AWS_DEFAULT_REGION), like eu-west-3"


def missing_credentials() -> str | None:
    """What to set, where boto3 finds no credentials; those of a role may still come."""
    if Session().get_credentials():
        return None
    return (
        "no AWS credentials: give the machine or task a role, or set AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY; until then no file is handed out and no mail is sent"
    )
