"""`leadmagnet migrate` beside others: their locks, history, roles and default rights."""

from __future__ import annotations

import psycopg
import pytest

from leadmagnet.database.migration_files import MigrationError
from leadmagnet.database.migrations import TRIES, migrate


@pytest.fixture
def shared(server):
    """A database of lm_owner's with nothing in it."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE shared OWNER lm_owner")
        yield server.url("lm_owner", "shared")
        admin.execute("DROP DATABASE shared WITH (FORCE)")


@pytest.fixture
def late_role(server, shared):
    """The name of a role that comes into being by `late_role()`."""

    def create():
        with psycopg.connect(server.url("postgres", "shared"), autocommit=True) as admin:
            admin.execute("CREATE ROLE late_api")

    yield create
    with psycopg.connect(server.url("postgres", "shared"), autocommit=True) as admin:
        admin.execute("DROP OWNED BY late_api")
        admin.execute("DROP ROLE late_api")


def run(url, directory=None, *, role="lm_app", wait=lambda seconds: None, **options):
    said = []
    applied = migrate(
        url, app_role=role, directory=directory, say=said.append, wait=wait, **options
    )
    return applied, said


def test_a_role_that_comes_later_gets_its_grants_and_it_is_said(shared, late_role):
    with pytest.raises(MigrationError, match="there is no role late_api"):
        run(shared, role="late_api")
    applied, said = run(shared)
    assert applied
    late_role()
    applied, said = run(shared, role="late_api")
    assert applied == []
    (sentence,) = said
    assert sentence.startswith("late_api: granted anew on ")
    assert "lm_subscribers" in sentence
    assert run(shared, role="late_api") == ([], [])


def test_default_privileges_of_a_shared_database_give_the_application_nothing(server, shared):
    with psycopg.connect(shared, autocommit=True) as owner:
        for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
            owner.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO lm_app")
        owner.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
        owner.execute("CREATE TABLE lm_email_templates ()")
        run(shared)
        granted = rights(owner)
        query = "SELECT has_table_privilege('lm_app', 'lm_email_templates', 'DELETE')"
        assert owner.execute(query).fetchone() == (True,), "an older table beside ours is not ours"
    with psycopg.connect(server.url("lm_owner", "leadmagnet")) as clean:
        assert granted == rights(clean)


def rights(conn):
    return conn.execute(
        """SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
           WHERE c.relname LIKE 'lm\\_%' AND c.relname <> 'lm_email_templates'
             AND a.grantee IN (0, 'lm_app'::regrole)
           UNION ALL
           SELECT c.relname || '.' || t.attname, a.privilege_type
           FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
           WHERE c.relname LIKE 'lm\\_%' AND a.grantee IN (0, 'lm_app'::regrole)
           UNION ALL
           SELECT p.proname, a.privilege_type FROM pg_proc p, aclexplode(p.proacl) a
           WHERE p.proname LIKE 'lm\\_%' AND a.grantee = 'lm_app'::regrole
           ORDER BY 1, 2"""
    ).fetchall()


def test_it_takes_its_lock_in_a_quiet_moment_and_says_who_holds_it(shared, tmp_path, monkeypatch):
    monkeypatch.setattr("leadmagnet.database.migrations.LOCK_SECONDS", 0.05)
    (tmp_path / "V1__lm_a.sql").write_text("CREATE TABLE lm_a ()")
    run(shared, tmp_path)
    (tmp_path / "V2__lm_b.sql").write_text("ALTER TABLE lm_a ADD COLUMN b int")
    with psycopg.connect(shared, application_name="nightly dump") as dump:
        dump.execute("SELECT count(*) FROM lm_a")
        applied, said = run(shared, tmp_path, wait=lambda seconds: dump.rollback())
    assert applied == ["V2__lm_b.sql"]
    (sentence,) = said
    assert sentence.startswith("V2__lm_b.sql waits for a lock: lm_a is held by process")
    assert "(nightly dump, idle in transaction" in sentence


def test_the_grants_wait_for_a_quiet_moment_like_any_file(shared, monkeypatch):
    monkeypatch.setattr("leadmagnet.database.migrations.LOCK_SECONDS", 0.05)
    run(shared)
    with psycopg.connect(shared, application_name="nightly vacuum") as vacuum:
        vacuum.execute("LOCK TABLE lm_magnets")
        applied, said = run(shared, wait=lambda seconds: vacuum.rollback())
    assert applied == []
    (sentence,) = said
    assert sentence.startswith("R__lm_grants.sql waits for a lock: lm_magnets is held by process")
    assert "(nightly vacuum, idle in transaction" in sentence


def test_it_gives_up_in_the_end_and_has_changed_nothing(shared, tmp_path, monkeypatch):
    monkeypatch.setattr("leadmagnet.database.migrations.LOCK_SECONDS", 0.05)
    (tmp_path / "V1__lm_a.sql").write_text("CREATE TABLE lm_a ()")
    run(shared, tmp_path)
    (tmp_path / "V2__lm_b.sql").write_text("CREATE TABLE lm_b (); DROP TABLE lm_a")
    waits = []
    with psycopg.connect(shared) as dump:
        dump.execute("SELECT count(*) FROM lm_a")
        with pytest.raises(MigrationError, match="lm_a is held by process"):
            run(shared, tmp_path, wait=waits.append)
        assert dump.execute("SELECT to_regclass('lm_b')").fetchone() == (None,)
    assert len(waits) == TRIES - 1


def test_a_history_of_another_folder_is_not_written_into_unasked(shared, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder, name in ((theirs, "V1__platform"), (ours, "V2__lm_a")):
        folder.mkdir()
        (folder / f"{name}.sql").write_text("SELECT 1")
    run(shared, theirs)
    with pytest.raises(MigrationError, match=r"V1__platform\.sql.*--shared-history"):
        run(shared, ours)
    assert run(shared, ours, shared_history=True)[0] == ["V2__lm_a.sql"]
    assert run(shared, ours)[0] == [], "nothing is written, so nothing is to be asked"


def test_tables_whose_history_is_elsewhere_are_not_made_again(shared):
    run(shared)
    with psycopg.connect(shared, autocommit=True) as owner:
        owner.execute("ALTER TABLE flyway_schema_history RENAME TO lm_schema_history")
    with pytest.raises(MigrationError, match=r"public\.lm_schema_history"):
        run(shared)


def test_an_older_postgresql_is_refused_by_name_before_the_first_file(shared, monkeypatch):
    # No older server is at hand, so that this one is made too old.
    monkeypatch.setattr("leadmagnet.database.session.NEEDED_VERSION", 190000)
    with pytest.raises(MigrationError, match="18 or newer is needed, and this server is 18"):
        run(shared)
    with psycopg.connect(shared) as owner:
        assert owner.execute("SELECT to_regclass('lm_magnets')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("lm_owner:", "nobody:"), "no role nobody with this password"),
        (("/shared", "/nowhere"), "there is no database nowhere"),
        (("@127.0.0.1:", "@127.0.0.1:1"), "MIGRATION_DATABASE_URL"),
        (("lm_owner:", "lm_app:"), "let it be the owner of the database"),
    ],
)
def test_what_an_operator_got_wrong_is_one_sentence(shared, change, sentence):
    with pytest.raises(MigrationError, match=sentence) as caught:
        run(shared.replace(*change) if change[1][-1] != "1" else "postgresql://a:b@127.0.0.1:9/x")
    assert "\n" not in str(caught.value).strip()
