"""The former system's tables make room for ours, and nothing else happens to them."""

from __future__ import annotations

import shutil

import psycopg
import pytest

from leadmagnet.database.migration_files import MigrationError, pending, read
from leadmagnet.database.migrations import migrate
from leadmagnet.moving import asides
from leadmagnet.moving.steps import MovingError
from tests.support.client import client_of, sign_up
from tests.support.paths import path_of
from tests.support.stack import administrator

TABLES = ("lm_subscribers", "lm_consent_events", "lm_download_tokens")


def relations(database):
    return {
        row["relname"]
        for row in database.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
    }


def test_migrate_recognises_the_old_tables_and_names_the_command(leadmagnet, database):
    before = relations(database)
    ran = leadmagnet("migrate")
    assert ran.returncode == 1
    assert "leadmagnet import prospectflow aside" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert relations(database) == before


@pytest.mark.parametrize("left", TABLES)
def test_migrate_recognises_a_single_one_of_them(database, owner_url, left):
    for table in TABLES[1:] + TABLES[:1]:
        if table != left:
            database.rows(f"DROP TABLE {table} CASCADE")
    with pytest.raises(MigrationError, match=f"the tables {left} are those"):
        migrate(owner_url, app_role="lm_app")


def test_aside_renames_the_tables_and_all_that_bears_their_name(leadmagnet, database):
    rows = {table: database.rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}
    ran = leadmagnet("import", "prospectflow", "aside")
    assert ran.returncode == 0, ran.stderr
    for table in TABLES:
        assert (
            database.rows(f"SELECT * FROM {table.replace('lm_', 'lm_old_')} ORDER BY id")
            == (rows[table])
        )
    names = relations(database) | {
        row["conname"]
        for row in database.rows(
            "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        )
    }
    assert {name for name in names if "lm_old_" not in name} == set()
    # And the migrations find their names free.
    assert leadmagnet("migrate").returncode == 0
    assert leadmagnet("import", "prospectflow", "aside").stdout.startswith(
        "the three tables are aside already"
    )


def test_aside_leaves_nobody_but_the_owner_a_right(database, owner_url):
    asides.set_aside(owner_url)
    with psycopg.connect(database.url, autocommit=True) as app:
        for table in TABLES:
            name = table.replace("lm_", "lm_old_")
            for act in (f"SELECT FROM {name}", f"DELETE FROM {name}", f"TRUNCATE {name}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(act)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT email FROM lm_old_subscribers")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE lm_download_tokens", "lm_download_tokens is missing"),
        ("ALTER TABLE lm_consent_events DROP COLUMN consent_text", "no column consent_text"),
        ("CREATE TABLE lm_old_subscribers (id int)", "lm_old_subscribers is there already"),
        ("DROP TABLE lm_subscribers, lm_consent_events, lm_download_tokens", "there are no tables"),
    ],
)
def test_aside_refuses_what_it_does_not_know_and_changes_nothing(database, owner_url, change, said):
    database.rows(change)
    before = relations(database)
    with pytest.raises(MovingError, match=said):
        asides.set_aside(owner_url)
    assert relations(database) == before


def test_aside_takes_extra_columns_and_indexes_along(database, owner_url):
    database.rows("ALTER TABLE lm_subscribers ADD COLUMN phone text CONSTRAINT short CHECK (true)")
    database.rows("CREATE INDEX by_phone ON lm_subscribers (phone)")
    asides.set_aside(owner_url)
    assert "lm_old_by_phone" in relations(database)
    assert database.value("SELECT count(phone) FROM lm_old_subscribers") == 0


def test_aside_waits_for_nobody_for_long(database, owner_url, server, monkeypatch):
    monkeypatch.setattr("leadmagnet.moving.steps.LOCK_SECONDS", 0.1)
    with psycopg.connect(server.url("lm_owner", database.name)) as busy:
        busy.execute("SELECT FROM lm_subscribers")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            asides.set_aside(owner_url)
    assert "lm_old_subscribers" not in relations(database)


# The names of its files, three underscores included, and its grants for whatever it makes later.
FILES_OF_THE_PIPELINE = {
    "V20251223_112356___base_init.sql": "CREATE SCHEMA crm; CREATE TABLE crm.people (id int)",
    "V20260203_140000___lead_magnet_templates.sql": "CREATE TABLE lm_email_templates ()",
    "V20260203_150000___grant_lm_permissions.sql": """
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO prospectflow;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO prospectflow;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public
            GRANT USAGE, SELECT ON SEQUENCES TO prospectflow""",
    "V20270101_080000___later.sql": "ALTER TABLE crm.people ADD COLUMN name text",
}


@pytest.fixture
def its_role(server, database):
    """The role of its application."""
    with administrator(server, database.name) as admin:
        admin.execute("CREATE ROLE prospectflow")
        yield "prospectflow"
        admin.execute("DROP OWNED BY prospectflow; DROP ROLE prospectflow")


@pytest.mark.parametrize("lived_there", [True, False])
@pytest.mark.usefixtures("its_role")
def test_the_files_of_both_live_in_one_folder_of_a_pipeline(
    database, owner_url, leadmagnet, tmp_path, lived_there
):
    folder = tmp_path / "migrations"
    shutil.copytree(path_of("sql/migrations"), folder)
    for name, text in FILES_OF_THE_PIPELINE.items():
        (folder / name).write_text(text)
    printed = leadmagnet("import", "prospectflow", "aside", "--sql")
    (folder / "V20261121_235959__lm_aside.sql").write_text(printed.stdout)
    database.rows("DROP TABLE lm_subscribers, lm_consent_events, lm_download_tokens")
    if lived_there:
        shutil.copy(
            path_of("tests/moving/predecessor.sql"),
            folder / "V20260202_140000___lead_magnet_schema.sql",
        )
    assert migrate(owner_url, app_role="lm_app", directory=folder)
    assert migrate(owner_url, app_role="lm_app", directory=folder) == []
    assert ("lm_old_subscribers" in relations(database)) is lived_there
    assert database.count("lm_subscribers") == 0
    # What its role was promised of tables to come it does not have of ours, nor of those aside.
    may = "SELECT has_table_privilege('prospectflow', %s, 'INSERT, UPDATE, DELETE')"
    ours = [
        row["tablename"]
        for row in database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        if row["tablename"].startswith("lm_") and row["tablename"] != "lm_email_templates"
    ]
    assert [name for name in ours if database.value(may, name)] == []
    assert database.value(may, "lm_email_templates")


@pytest.mark.usefixtures("its_role")
def test_a_pipeline_in_which_it_lived_for_long_goes_on_with_both(
    database, owner_url, leadmagnet, tmp_path
):
    """Its files were applied long ago, and ours come into its folder."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name, text in FILES_OF_THE_PIPELINE.items():
        (folder / name).write_text(text)
    schema = path_of("tests/moving/predecessor.sql")
    shutil.copy(schema, folder / "V20260202_140000___lead_magnet_schema.sql")
    database.rows("DROP TABLE lm_subscribers, lm_consent_events, lm_download_tokens")
    migrate(owner_url, app_role="lm_app", directory=folder)

    printed = leadmagnet("import", "prospectflow", "aside", "--sql")
    (folder / "V20261121_235959__lm_aside.sql").write_text(printed.stdout)
    shutil.copytree(path_of("sql/migrations"), folder, dirs_exist_ok=True)
    # File by file, as Flyway goes on.
    history = database.rows("SELECT * FROM flyway_schema_history ORDER BY installed_rank")
    for migration in pending(read(folder), history):
        database.owner.execute(migration.sql.encode())
    assert database.count("lm_old_subscribers") == 6
    assert database.count("lm_subscribers") == 0


def shapes(database):
    return database.rows(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        " AND relname <> 'flyway_schema_history' ORDER BY 1, a.attnum"
    )


@pytest.mark.parametrize("how_far", ["aside", "migrated", "imported"])
def test_the_way_back_leaves_what_was_there_before(
    database, leadmagnet, make_room, bring_in, owner_url, how_far
):
    before = shapes(database), [database.rows(f"SELECT * FROM {name}") for name in TABLES]
    if how_far == "aside":
        asides.set_aside(owner_url)
    else:
        make_room()
    if how_far == "imported":
        bring_in()
    ran = leadmagnet("import", "prospectflow", "back", "--role", "lm_app", stdin="y\n")
    assert ran.returncode == 0, ran.stderr
    assert (shapes(database), [database.rows(f"SELECT * FROM {name}") for name in TABLES]) == before
    ours = "SELECT count(*) FROM pg_proc WHERE proname ~ '^lm_'"
    assert database.value(ours) == 0
    with psycopg.connect(database.url) as app:
        app.execute("UPDATE lm_subscribers SET status = status")
    # And the whole way once more.
    make_room()
    assert sum(row["people"] for row in bring_in().outcomes) == 6


def test_there_is_no_way_back_once_somebody_has_acted_here(
    database, leadmagnet, make_room, bring_in, services
):
    make_room()
    bring_in()
    back = ("import", "prospectflow", "back", "--role", "lm_app")
    assert sign_up(client_of(services)).status_code == 202
    ran = leadmagnet(*back, stdin="y\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("an unsubscription would be lost") == 1
    assert "lm_old_subscribers" in relations(database)


def test_without_old_tables_there_is_nothing_to_go_back_to(database, leadmagnet):
    ran = leadmagnet("import", "prospectflow", "back", "--role", "lm_app", stdin="y\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "there is nothing to go back to" in ran.stderr


def test_the_way_back_is_asked_for_only_where_it_can_be_gone(
    database, leadmagnet, make_room, bring_in
):
    make_room()
    bring_in()
    before = relations(database), database.checksum()
    back = ("import", "prospectflow", "back", "--role")
    ran = leadmagnet(*back, "nobody", stdin="y\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "nobody" in ran.stderr
    ran = leadmagnet(*back, "lm_app", stdin="n\n")
    assert ran.returncode == 1
    assert ran.stdout.startswith("Delete all of our tables for good")
    assert (relations(database), database.checksum()) == before
