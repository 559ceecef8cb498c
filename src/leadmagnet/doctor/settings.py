"""The settings: keys that are long, random and different, and nothing left of the examples."""

from __future__ import annotations

from email.utils import parseaddr
from urllib.parse import urlsplit

from leadmagnet.adapters import account
from leadmagnet.admin.access import issuer_of
from leadmagnet.config import ConfigError
from leadmagnet.consent import kept_head, seals
from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, fail, in_two, ok, warn
from leadmagnet.errors import IssuerUnavailable
from leadmagnet.mail import proof

# Of 64 hexadecimal digits, fewer than ten different ones come by chance once in thousands of years.
LEAST_CHARACTERS = 10
LEAST_LEGACY = 16
# Reserved names that reach no one (RFC 2606), and this machine.
NOBODYS = (".example", ".test", ".invalid", ".localhost", "example.com", "example.org")
HERE = ("localhost", "127.0.0.1", "::1")


def names(given: Surroundings) -> Finding:
    if given.misspelt:
        said = "; ".join(f"{name} is no setting: {near}?" for name, near in given.misspelt.items())
        return warn(said, "write the names as .env.example does")
    return ok("none is misspelt")


def keys(given: Surroundings) -> Finding:
    config = given.services.config
    named = {f"UNSUBSCRIBE_KEYS[{n}]": key for n, key in enumerate(config.unsubscribe_keys)}
    named["HASH_KEY"] = config.hash_key
    named |= {f"FORMER_HASH_KEYS[{n}]": key for n, key in enumerate(config.former_hash_keys)}
    if config.receipt_key:
        named["RECEIPT_KEY"] = config.receipt_key
    if config.webhook_key:
        named["WEBHOOK_KEY"] = config.webhook_key
    named |= {f"FORMER_WEBHOOK_KEYS[{n}]": key for n, key in enumerate(config.former_webhook_keys)}
    if config.metrics_token:
        named["METRICS_TOKEN"] = config.metrics_token.encode()
    # Another system chose these: they cannot be changed, only given up.
    legacy = dict(enumerate(config.legacy_unsubscribe_keys))
    named |= {f"LEGACY_UNSUBSCRIBE_KEYS[{n}]": key for n, key in legacy.items()}
    for name, key in named.items():
        same = [other for other in named if other != name and named[other] == key]
        if same:
            return fail(f"{name} and {same[0]} are the same", "leadmagnet secrets")
        if len(set(key)) < LEAST_CHARACTERS and not name.startswith("LEGACY_"):
            return fail(f"{name} is not random", "leadmagnet secrets")
    for n, key in legacy.items():
        if len(key) < LEAST_LEGACY or len(set(key)) < LEAST_CHARACTERS:
            return warn(
                f"LEGACY_UNSUBSCRIBE_KEYS[{n}] can be guessed, and with it anybody unsubscribed",
                "take it out of LEGACY_UNSUBSCRIBE_KEYS once its mails are old",
            )
    return ok(f"{len(named)} keys, random and different")


def env_file(given: Surroundings) -> Finding:
    if not given.env_file.exists():
        return ok("no .env in this folder")
    if given.env_file.stat().st_mode & 0o077:
        return fail("others on this machine can read .env", f"chmod 600 {given.env_file}")
    return ok(".env is readable by its owner only")


def addresses(given: Surroundings) -> Finding:
    config = given.services.config
    hosts = {
        "SITE_URL": urlsplit(config.site_url).hostname or "",
        "API_URL": urlsplit(config.api_url or config.site_url).hostname or "",
        "MAIL_FROM": sender_domain(config.mail_from),
    }
    for name, host in hosts.items():
        if host in HERE or is_nobodys(host):
            return warn(
                f"{name} is only good on this machine", f"set {name} to the real one (.env.example)"
            )
    for name in ("SITE_URL", "API_URL"):
        if (getattr(config, name.lower()) or "").startswith("http:"):
            return fail(f"{name} is not https", f"{name}=https://{hosts[name]}")
    return ok("SITE_URL, API_URL and MAIL_FROM are real and https")


def aws(given: Surroundings) -> Finding:
    try:
        account.require_usable()
        missing = account.missing_credentials()
    except ConfigError as error:
        return fail(*in_two(str(error)))
    if missing:
        return fail(*in_two(missing))
    return ok(f"region {given.aws.region}, credentials found")


def events(given: Surroundings) -> Finding:
    if given.services.config.sns_topics:
        return ok("SNS_TOPICS names the topic of the bounces")
    if given.aws.mail_is_emulated:
        raise Skip("SNS_TOPICS is empty, and SES is an emulator")
    return fail(
        "SNS_TOPICS is empty: no bounce and no complaint is taken",
        "SNS_TOPICS=… (from the outputs of deploy/aws/template.yaml)",
    )


def proxies(given: Surroundings) -> Finding:
    config = given.services.config
    if config.trusted_proxies or not config.site_url.startswith("https:"):
        return ok(f"{config.trusted_proxies} trusted")
    return warn("behind none, all visitors count as one network", "TRUSTED_PROXIES=1")


def witness(given: Surroundings) -> Finding:
    path = given.services.config.ledger_head_file
    if path is None:
        return warn(
            "the end of the ledger is only in the database",
            "LEDGER_HEAD_FILE=/var/lib/leadmagnet/ledger-head",
        )
    try:
        kept = kept_head.read(path)
    except kept_head.KeptHeadError as error:
        return fail(*in_two(str(error)))
    if kept is None:
        if not seals.head(given.services).position:
            return ok("nothing is sealed yet; the first seal makes LEDGER_HEAD_FILE")
        return fail(
            "there are seals, and LEDGER_HEAD_FILE is not there",
            "run the doctor where the worker runs; there, name a file that it can write",
        )
    if not seals.holds(given.services.database, kept):
        return fail(
            f"seal {kept.position}, which LEDGER_HEAD_FILE names, was removed or made anew",
            "leadmagnet ledger verify",
        )
    return ok(f"seal {kept.position} is kept outside of the database, and still there")


def templates(given: Surroundings) -> Finding:
    try:
        proof.require_whole(given.services.config)
    except ConfigError as error:
        return fail(str(error), "leadmagnet mails preview confirm --locale fr")
    own = given.services.config.mail_templates
    return ok("every mail renders, with the files of MAIL_TEMPLATES" if own else "ours")


def admin(given: Surroundings) -> Finding:
    if not given.admin.admin_api:
        return ok("ADMIN_API is off")
    issuer = issuer_of(given.admin)
    if issuer is None:
        return ok("on, for the holders of keys")
    try:
        found = issuer.look()
    except IssuerUnavailable:
        address = given.admin.oidc_jwks_url or issuer.discovery_url
        return fail("nobody can log in: the issuer's keys cannot be had", f"curl -sSf {address}")
    if not found:
        return fail("nobody can log in: the issuer publishes no key", "see OIDC_ISSUER")
    return ok(f"on, and its issuer publishes {found} key{'s' * (found > 1)}")


def sender_domain(mail_from: str) -> str:
    return parseaddr(mail_from)[1].rpartition("@")[2].lower()


def is_nobodys(host: str) -> bool:
    return host.endswith(NOBODYS)


CHECKS: dict[str, Check] = {
    "names": names,
    "keys": keys,
    ".env": env_file,
    "addresses": addresses,
    "aws": aws,
    "events": events,
    "proxies": proxies,
    "witness": witness,
    "templates": templates,
    "admin": admin,
}
