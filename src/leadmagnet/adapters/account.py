"""Makes boto3's clients by its own settings, and says in a sentence which of these is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ConfigParseError,
    InvalidRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from leadmagnet.config import ConfigError

SERVICES = ("s3", "sesv2", "sns")


def session() -> boto3.Session:
    """Raises ConfigError, as all here."""
    with _refused():
        made = boto3.Session()
        # Reads two numbers, which would else be taken for a wrong endpoint when a client is made.
        made._session.get_component("credential_provider")
        return made


def client(service: str, config: Config, *, of: boto3.Session | None = None) -> Any:
    of = of or session()
    with _refused(service):
        made = of.client(service, config=config)
        # botocore looks at the scheme and the port at the first call only.
        address = urlsplit(made.meta.endpoint_url)
        if address.scheme not in ("http", "https") or address.port == 0:
            raise ValueError
        return made


def require_usable() -> None:
    """A region, and settings with which a client of each service is made."""
    ours = session()
    with _refused():
        # Raises for a wrong profile even where the environment names the region.
        ours._session.get_scoped_config()
    # boto3 would sign for another, or die on its way.
    if not ours.region_name:
        raise ConfigError("no AWS region: set AWS_REGION (or AWS_DEFAULT_REGION), like eu-west-3")
    for service in SERVICES:
        client(service, Config(retries={"total_max_attempts": 1}), of=ours)


def missing_credentials() -> str | None:
    """What to set, where boto3 finds no credentials; those of a role may still come."""
    ours = session()
    with _refused():
        if ours.get_credentials():
            return None
    return (
        "no AWS credentials: give the machine or task a role, or set AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY; until then no file is handed out and no mail is sent"
    )


@contextmanager
def _refused(service: str = "") -> Iterator[None]:
    try:
        yield
    except ProfileNotFound:
        sentence = "AWS_PROFILE names no profile of AWS's config files: correct it, or unset it"
    except ConfigParseError as error:
        sentence = f"AWS's config file {error.kwargs['path']} cannot be read: correct it"
    except InvalidRegionError:
        sentence = (
            "no AWS region has such a name: set AWS_REGION (or AWS_DEFAULT_REGION), like eu-west-3"
        )
    except PartialCredentialsError as error:
        sentence = f"AWS's credentials are half set: add {error.kwargs['cred_var']}, or unset both"
    except BotoCoreError as error:
        word = type(error).__name__
        sentence = f"a setting of AWS is wrong ({word}): correct it, or unset it"
    except ValueError:
        sentence = (
            f"AWS_ENDPOINT_URL_{service.upper()} (or AWS_ENDPOINT_URL) is no http(s) address:"
            " correct it, or unset it"
            if service
            else "AWS_METADATA_SERVICE_TIMEOUT and AWS_METADATA_SERVICE_NUM_ATTEMPTS must be whole"
            " numbers: correct them, or unset them"
        )
    else:
        return
    raise ConfigError(sentence)
