"""The container files agree with the code: no engine is needed to see that they fit."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from click.testing import CliRunner

from leadmagnet import addresses
from leadmagnet.adapters import webhooks
from leadmagnet.app import BODY_BYTES
from leadmagnet.commands import COMMANDS
from leadmagnet.config import Config, MigrationConfig
from leadmagnet.web.messages import PROBLEMS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
SERVICES = yaml.safe_load(COMPOSE_TEXT)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
NGINX = (ROOT / "deploy/nginx/nginx.conf").read_text("utf-8")
OURS = [name for name, service in SERVICES.items() if "build" in service]
# Of each build stage: its name, and its text from the base image on.
STAGES = {
    name: f"{base}\n{body}"
    for base, name, body in re.findall(
        r"^FROM (\S+) AS (\w+)\n((?:(?!FROM ).*\n)*)", DOCKERFILE, re.MULTILINE
    )
}
# What libraries read for themselves: boto3, and libpq through psycopg.
LIBRARIES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SESV2",
    "PGPASSWORD",
}


# The command line of a wheel, which Python imports without unpacking.
HELP = """
import sys
sys.path.insert(0, sys.argv.pop())
import leadmagnet
assert ".whl" in leadmagnet.__file__
from leadmagnet.commands import main
main(["--help"])
"""


def settings(cls: type) -> set[str]:
    return {each.name.upper() for each in fields(cls)}


def image_environment(stage: str) -> set[str]:
    """The variables that a stage and its parents set."""
    body = STAGES[stage]
    given = set(re.findall(r"(\w+)=", " ".join(re.findall(r"^ENV (.*)$", body, re.M))))
    parent = body.split()[0]
    return given | (image_environment(parent) if parent in STAGES else set())


def commands() -> list[list[str]]:
    """Every command that a container starts with, and that `make` or a test refers to."""
    found = [json.loads(each) for each in re.findall(r"^CMD (\[.*\])", DOCKERFILE, re.M)]
    return found + [service["command"] for service in SERVICES.values() if "command" in service]


def test_the_compose_file_follows_the_compose_schema():
    # A second to import, for one test.
    from check_jsonschema.cli import main

    file = str(ROOT / "docker-compose.yml")
    result = CliRunner().invoke(main, ["--builtin-schema", "vendor.compose-spec", file])
    assert result.exit_code == 0, result.output


def test_every_mounted_and_copied_path_exists():
    mounts = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)
        for source in line.split()[:-1]
    ]
    assert mounts and copied
    for path in mounts + copied:
        assert (ROOT / path).exists(), path


def test_what_the_image_copies_is_not_ignored_and_all_else_is():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = set(" ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)).split())
    assert "*" in lines
    assert let_in == copied


def test_every_command_exists():
    found = commands()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    text = "\n".join(" ".join(each) for each in found) + "\n" + makefile
    words = set(re.findall(r"(?<!src/)(?<![\w.-])leadmagnet (\w+)", text))
    modules = set(re.findall(r"-m (leadmagnet[\w.]*)", text))
    assert {"serve", "worker"} <= words
    assert {"leadmagnet.dev.aws", "leadmagnet.dev.demo"} <= modules
    assert words <= {"dev", *COMMANDS}
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_the_emulator_knows_its_options():
    command = next(each for each in commands() if "leadmagnet.dev.aws" in each)
    result = subprocess.run(
        [sys.executable, "-m", "leadmagnet.dev.aws", "--help"], capture_output=True, text=True
    )
    for option in (each for each in command if each.startswith("--")):
        assert option in result.stdout


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_service_is_given_all_required_settings_and_only_settings(name):
    given = set(SERVICES[name]["environment"])
    required = {each.name.upper() for each in fields(Config) if each.default is MISSING}
    assert required <= given
    assert given <= settings(Config) | LIBRARIES


def test_the_other_variables_are_settings_too():
    assert set(SERVICES["demo"]["environment"]) <= settings(MigrationConfig) | LIBRARIES
    assert set(SERVICES["aws"]["environment"]) <= settings(Config) | LIBRARIES
    python = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PATH"}
    assert image_environment("runtime") - python == {"HOST"}
    assert "HOST" in settings(Config)


def test_the_proxied_api_counts_its_proxy():
    assert SERVICES["api"]["environment"]["TRUSTED_PROXIES"] == 1
    assert "X-Forwarded-For $remote_addr;" in NGINX
    port = next(each.default for each in fields(Config) if each.name == "port")
    assert f"server api:{port};" in NGINX


def test_no_secret_has_a_default_and_each_is_explained():
    example = (ROOT / ".env.example").read_text("utf-8")
    secrets = {
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD|KEYS|HASH_KEY", name)
    }
    assert secrets
    for name, value in secrets:
        variable = re.fullmatch(r"\$\{(\w+):\?set \1, see \.env\.example\}", str(value))
        assert variable, f"{name} is in the file"
        assert re.search(rf"\b{variable[1]}=", example), variable[1]


def test_images_are_pinned():
    bases = [base for base, _ in re.findall(r"^FROM (\S+) AS (\w+)", DOCKERFILE, re.M)]
    images = [base for base in bases if base not in STAGES]
    images += [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert len(images) == 4
    for image in images:
        assert re.search(r":\d+(\.\d+)*(-|$)", image), image


@pytest.mark.parametrize("stage", ["runtime", "dev"])
def test_no_image_runs_as_root(stage):
    assert re.findall(r"^USER (\S+)$", STAGES[stage], re.M) == ["10001:10001"]
    assert "--uid 10001 " in STAGES["base"]


def test_the_runtime_image_is_the_default_and_has_no_tools():
    assert list(STAGES)[-1] == "runtime"
    assert STAGES["runtime"].split()[0] == "base"
    assert "RUN" not in STAGES["runtime"]
    assert "requirements-dev.txt" not in STAGES["packages"]


def test_packages_come_by_their_hash():
    installs = re.findall(r"pip .*? install (.*)$", DOCKERFILE, re.M)
    assert len(installs) == 3
    for arguments in installs:
        by_hash = "--require-hashes --only-binary :all: -r requirements" in arguments
        assert by_hash or arguments.endswith("--no-deps /dist/*.whl")


def test_what_runs_the_development_package_has_it_and_production_has_not():
    starting = {
        name for name, each in SERVICES.items() if "leadmagnet.dev" in str(each.get("command"))
    }
    assert starting == {"demo"}
    for name in (*starting, "aws"):
        assert SERVICES[name]["build"]["target"] == "dev"
    assert re.search(r"^CMD .*leadmagnet\.dev\.aws", STAGES["dev"], re.M)
    assert "dev" not in STAGES["runtime"].split()


def test_the_wheel_holds_the_sql_and_nothing_for_development(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.iterdir()
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"leadmagnet/wsgi.py", "leadmagnet/_sql/queries/outbox.sql"} <= names
    assert "leadmagnet/commands/serve.py" in names
    assert not {name for name in names if "/dev" in name}
    # Installed, the command line does without it: nothing else imports it.
    shown = subprocess.run(
        [sys.executable, "-I", "-c", HELP, str(wheel)], capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert "serve" in shown.stdout and " dev " not in shown.stdout


def test_nothing_is_published_beyond_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"nginx", "aws"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_container_has_limits_of_memory_and_processes():
    for name, service in SERVICES.items():
        assert service["mem_limit"] and service["pids_limit"], name


def test_our_containers_are_hardened():
    for name in [*OURS, "nginx"]:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
    for service in SERVICES.values():
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_a_signed_address_leads_the_browser_to_the_emulator():
    bucket = SERVICES["aws"]["environment"]["S3_BUCKET"]
    seen = SERVICES["api"]["environment"]["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
    inside = SERVICES["worker"]["environment"]["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
    host, port = inside.split(":")
    assert f"{seen}:{port}" in SERVICES["aws"]["ports"]
    assert f"{bucket}.{host}" in SERVICES["aws"]["networks"]["default"]["aliases"]
    assert f"/{bucket}?" in SERVICES["aws"]["healthcheck"]["test"][-1]


def test_the_smoke_test_can_sign_up():
    """An address of the sender's own domain is never written to, with the same 202."""
    sender = SERVICES["api"]["environment"]["MAIL_FROM"]
    assert addresses.mailable("ada+smoke@example.org", sender=sender)


def test_the_proxy_refuses_the_same_bodies_as_the_api():
    limits = re.findall(r"client_max_body_size (\d+)k;", NGINX)
    assert int(limits[0]) * 1024 == BODY_BYTES


def test_the_proxy_hangs_up_on_gunicorn_before_gunicorn_does():
    conf = importlib.util.find_spec("leadmagnet.server.gunicorn_conf")
    gunicorn = dict(re.findall(r"^(\w+) = (\d+)$", Path(conf.origin).read_text("utf-8"), re.M))
    idle = re.search(r"upstream api \{.*?keepalive_timeout (\d+)s;", NGINX, re.S)
    assert int(idle[1]) < int(gunicorn["keepalive"])
    grace = SERVICES["api"]["stop_grace_period"]
    # The worker writes down what became of a webhook.
    longest = max(int(gunicorn["graceful_timeout"]), webhooks.SECONDS)
    assert longest + 5 <= int(grace.removesuffix("s"))


def test_the_proxy_speaks_the_sentences_of_the_api():
    details = re.search(r"map \$code \$detail \{\n(.*?)\n    \}", NGINX, re.S)[1]
    spoken = dict(re.findall(r'^ +(\w+) +"(.*)";$', details, re.M))
    assert spoken == {code: PROBLEMS[code]["fr"] for code in spoken}
    named = re.search(r"map \$status \$code \{\n(.*?)\n    \}", NGINX, re.S)[1]
    assert set(re.findall(r"(\w+);$", named, re.M)) == set(spoken)
