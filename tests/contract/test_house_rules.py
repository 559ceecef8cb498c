"""What we would say twice in a review."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import psycopg
import pytest

from leadmagnet import database as db
from tests.support.database import NOWHERE, database_at, fresh_database
from tests.support.paths import path_of

SOURCE = path_of("src/leadmagnet")
MODULES = sorted(SOURCE.rglob("*.py"))
PRODUCT = [path for path in MODULES if "dev" not in path.relative_to(SOURCE).parts]
# The rooms from top to bottom: each imports only from those below it.
STOREYS = (
    ("__main__",),
    ("commands",),
    ("server", "wsgi"),
    ("app", "worker"),
    ("maintenance", "lanes", "settling"),
    ("routes",),
    ("web",),
    ("doctor",),
    ("admin",),
    ("rights", "moving"),
    ("mail", "webhooks"),
    ("funnel",),
    ("consent",),
    ("services", "telemetry"),
    ("database", "adapters"),
    ("config",),
    ("errors", "addresses", "hashes", "places", "secret_keys", "strict_json", "studio"),
)
# What the use cases are made of: they know neither HTTP nor AWS.
DOMAIN = ("admin", "rights", "mail", "webhooks", "funnel", "consent")
FRAMEWORKS = ("flask", "werkzeug", "marshmallow", "webargs", "apispec")
SQL = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|LISTEN|PREPARE|DEALLOCATE)"
    r"\s+\w+"
)
QUERY_FILES = sorted(path_of("sql/queries").glob("*.sql"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def strings(path: Path) -> list[str]:
    return [
        node.value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.fixture(scope="module")
def migrated(server):
    with fresh_database(server) as database:
        yield database.owner


@pytest.mark.parametrize("name", sorted(db.queries()))
def test_every_query_fits_the_migrated_tables(migrated, name):
    migrated.execute(f"PREPARE {name} AS {db.queries()[name].text}", prepare=False)


def test_every_query_is_used_and_only_by_the_module_of_its_file():
    texts = [(module.stem, module.read_text()) for module in PRODUCT]
    for path in QUERY_FILES:
        names = re.findall(r"^-- name: (\w+)$", path.read_text(), re.M)
        assert names, path
        for name in names:
            users = [stem for stem, text in texts if f'"{name}"' in text]
            assert users == [path.stem], name


def test_every_query_is_named_by_its_noun():
    for path in QUERY_FILES:
        noun = path.stem.removesuffix("s")
        for name in re.findall(r"^-- name: (\w+)$", path.read_text(), re.M):
            assert name.startswith((noun, path.stem)), name


def test_no_sql_in_python_but_the_migration_runners_own_table():
    for path in PRODUCT:
        if path.stem == "migrations":
            continue
        allowed = {"LISTEN lm_outbox", "LISTEN lm_requests"} if path.stem == "worker" else set()
        for text in strings(path):
            assert text in allowed or not SQL.match(text), (path, text)


def room(path: Path) -> str:
    """The folder of a module, or its own name where it stands at the root."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def storey(name: str) -> int:
    (found,) = (level for level, rooms in enumerate(STOREYS) if name in rooms)
    return found


def test_imports_only_go_down():
    for path in PRODUCT:
        if room(path) == "__init__":
            continue
        for name in imports(path):
            package, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if package != "leadmagnet" or other in ("", "__version__", "dev", room(path)):
                continue
            assert storey(other) > storey(room(path)), (path, name)


def test_each_outside_library_has_its_rooms():
    for path in PRODUCT:
        used = {name.partition(".")[0] for name in imports(path)}
        if room(path) not in ("web", "routes", "app"):
            assert not used & set(FRAMEWORKS), path
        if room(path) != "adapters":
            assert not used & {"boto3", "botocore", "dns", "requests", "urllib3"}, path
        if path.relative_to(SOURCE).as_posix() != "commands/dev.py":
            dev = {name for name in imports(path) if name.startswith("leadmagnet.dev")}
            assert not dev, path


def test_the_environment_is_read_in_one_place():
    readers = {path.stem for path in PRODUCT if "os.environ" in path.read_text()}
    # `dev` hands its environment on to the processes it starts, `serve` to gunicorn.
    assert readers == {"dev", "serve", "config"}
    assert (SOURCE / "config.py").read_text().count("os.environ") == 1


def test_modules_and_functions_are_short():
    limits = {"config.py": 280, "schemas.py": 250, "messages.py": 200, "public.py": 280}
    for path in PRODUCT:
        assert len(path.read_text().splitlines()) <= limits.get(path.name, 220), path
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 45, (path, node.name)


def test_every_module_says_in_a_sentence_what_it_is_for():
    for path in PRODUCT:
        assert ast.get_docstring(tree_of(path)) or path.name == "__main__.py", path


def test_an_event_in_the_log_is_a_constant_word():
    for node in (node for path in PRODUCT for node in ast.walk(tree_of(path))):
        is_log = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
            and node.func.attr != "log"
        )
        if is_log:
            assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
            assert re.fullmatch("[a-z_]+", node.args[0].value), ast.unparse(node)


def test_migrations_are_named_by_time_and_in_lower_case():
    names = [path.name for path in path_of("sql/migrations").iterdir()]
    for name in names:
        assert re.fullmatch(r"V20\d{6}_\d{6}__lm_[a-z_]+\.sql|R__lm_[a-z_]+\.sql", name), name


def test_lines_of_sql_have_at_most_100_characters():
    for path in path_of("sql").glob("*/*.sql"):
        assert [line for line in path.read_text().splitlines() if len(line) > 100] == [], path


def test_migrations_use_no_extension():
    for path in path_of("sql/migrations").iterdir():
        assert "EXTENSION" not in path.read_text().upper()


def test_the_locks_record_no_download_address():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"):
        text = path_of(name).read_text()
        assert "://" not in text and "index-url" not in text
        assert "--hash=sha256:" in text


def test_sql_trouble_is_the_callers_503(server):
    database = database_at(NOWHERE)
    database.open()
    try:
        with pytest.raises(db.Unavailable):
            database.readiness.require()
    finally:
        database.close()
    assert issubclass(psycopg.errors.DiskFull, psycopg.OperationalError)
