"""The signup that decides everything before it answers, and the parameters it took."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from leadmagnet import addresses, hashes
from leadmagnet.config import Config

FILE = Path(__file__).with_suffix(".sql")
SLOTS = 8


def table() -> str:
    return FILE.read_text("utf-8").partition("-- name: ")[0]


def query() -> tuple[str, list[str]]:
    """The statement with $1, $2, …, and the names of these."""
    body = FILE.read_text("utf-8").partition("-- name: ")[2].partition("\n")[2]
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    text = "\n".join(lines).strip().rstrip(";").replace("%%", "%")
    order = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    return re.sub(r"%\((\w+)\)s", lambda found: f"${order.index(found[1]) + 1}", text), order


def parameters(config: Config, *, email: str, ip: str) -> dict[str, Any]:
    """What one signup passes; the rest is what its page sent."""

    def key(scope: str, counted: str) -> bytes:
        return hashes.hmac_sha256(config.hash_key, scope, counted)

    address_key = key("address", addresses.folded(email))
    slot = address_key[0] % SLOTS
    return {
        "network_key": key("signup", ip),
        "network_limit": config.signups_per_hour,
        "address_key": address_key,
        "slot": slot,
        "mailbox_limit": config.mails_per_mailbox,
        "mailbox_window": config.mails_per_mailbox_days,
        "hour_key": key("hour", str(slot)),
        "hour_limit": config.mails_per_hour // SLOTS,
        "suppression": key("suppression", email),
        "discard": False,
        "cool_down": config.cool_down_seconds,
        "text_grace": config.text_grace_hours,
        "ip": ip,
    }
