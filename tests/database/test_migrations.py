"""Our runner and Flyway are two tools for one history: same checksums, names, lock, table."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from leadmagnet.database.migration_files import MigrationError, checksum, pending, read
from leadmagnet.database.migrations import LOCK, migrate
from tests.support.paths import path_of

# Bytes and the checksum that Flyway 12.0.0 itself gave for them.
VECTORS = [
    (b"", 0),
    (b"\n\n", 0),
    (b"\r\n\r\n", 0),
    (b"\xef\xbb\xbf", 0),
    (b"SELECT 1;", 78787420),
    (b"SELECT 1;\n", 78787420),
    (b"SELECT 1;\r\n", 78787420),
    (b"\xef\xbb\xbfSELECT 1;\n", 78787420),
    (b"\xef\xbb\xbf\nSELECT 1;", 78787420),
    (b"\xef\xbb\xbf\xef\xbb\xbfSELECT 1;\n", -1606921097),
    (b"SELECT 1;\n\n\nSELECT 2;\n", -1665099012),
    (b"SELECT 1;\rSELECT 2;\r", -1665099012),
    ("-- été – l’œuvre €\nSELECT 'É';\n".encode(), -1696917532),
    ("SELECT 1;\u2028SELECT 2;\n".encode(), -2070585333),
    (b"SELECT 1;\x0bA\x0cB\x1cC\n", -1555845137),
    ("SELECT \x85 1;\n".encode(), -155123200),
    ("-- 😀 astral\nSELECT 1;\n".encode(), 894830590),
    (b"  SELECT 1;  \t\n", 1266872113),
    (b"a\r\r\nb\n\rc", 891568578),
    ("SELECT 1;\nSELECT \ufeff2;\n".encode(), 1561393841),
    ((b"x" * 4095 + b"\r\n" + b"y" * 5000 + b"\r\n") * 3, -1576902719),
    (b"SELECT '${a}';", -1223125598),
    (b"SELECT 1;\x00\n", -1327808415),
    ("e\u0301".encode(), 1286470445),
    (b"CREATE TABLE subscriber (\n    id bigint PRIMARY KEY\n);\n", -1367883298),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS, ids=range(len(VECTORS)))
def test_checksums_are_flyways(data, expected):
    assert checksum(data) == expected


def test_a_file_that_is_not_utf_8_has_no_checksum():
    with pytest.raises(UnicodeDecodeError):
        checksum(b"\xff")


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.sql").write_text(text)
        return tmp_path

    return write


@pytest.fixture
def empty(server):
    """A database of lm_owner's with nothing in it."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty OWNER lm_owner")
        yield server.url("lm_owner", "empty")
        admin.execute("DROP DATABASE empty WITH (FORCE)")


def history(url):
    with psycopg.connect(url, row_factory=dict_row) as conn:
        return conn.execute(
            "SELECT * FROM flyway_schema_history ORDER BY installed_rank"
        ).fetchall()


def test_versions_go_by_number_and_before_the_repeatable_ones(folder):
    found = read(folder(V10__c="", V9__b="", V1_2__a="", R__z="", R__a="", V002__x=""))
    names = [each.script for each in found]
    assert names == [
        "V1_2__a.sql",
        "V002__x.sql",
        "V9__b.sql",
        "V10__c.sql",
        "R__a.sql",
        "R__z.sql",
    ]


def test_stored_names_are_flyways(folder):
    (migration,) = read(folder(V20261122_100000__lm_some_table=""))
    assert (migration.version, migration.description) == ("20261122.100000", "lm some table")


@pytest.mark.parametrize("name", ["v1__lower", "V1_single", "V__none", "notes", "V1.x__a", "X1__a"])
def test_an_unknown_name_in_the_folder_is_refused_and_named(folder, name):
    with pytest.raises(MigrationError, match=name.partition(".")[0]):
        read(folder(**{name: ""}))


@pytest.mark.parametrize(("one", "other"), [("V1__a", "V1_0__b"), ("V1__a", "V01__b")])
def test_the_same_version_twice_is_refused(folder, one, other):
    with pytest.raises(MigrationError, match="same version"):
        read(folder(**{one: "", other: ""}))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '${x}';",
        "CREATE INDEX CONCURRENTLY i ON t (a);",
        "create unique index\n concurrently i",
    ],
)
def test_what_flyway_stumbles_over_is_refused(folder, text):
    with pytest.raises(MigrationError, match="V1__a"):
        read(folder(V1__a=text))


def test_the_history_is_written_as_flyway_writes_it(empty):
    applied = migrate(empty, app_role="lm_app")
    rows = history(empty)
    assert [row["script"] for row in rows] == applied
    assert [row["installed_rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["type"] for row in rows} == {"SQL"}
    assert {row["installed_by"] for row in rows} == {"lm_owner"}
    assert all(row["success"] for row in rows)
    assert {row["version"] for row in rows if row["script"].startswith("R")} == {None}
    assert migrate(empty, app_role="lm_app") == []


def test_the_history_table_is_flyways_own(empty):
    migrate(empty, app_role="lm_app")
    with psycopg.connect(empty) as conn:
        columns = conn.execute(
            """SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
               FROM information_schema.columns
               WHERE table_name = 'flyway_schema_history' ORDER BY ordinal_position"""
        ).fetchall()
        indexes = conn.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'flyway_schema_history' ORDER BY 1"
        ).fetchall()
    assert columns == [
        ("installed_rank", "integer", None, "NO", None),
        ("version", "character varying", 50, "YES", None),
        ("description", "character varying", 200, "NO", None),
        ("type", "character varying", 20, "NO", None),
        ("script", "character varying", 1000, "NO", None),
        ("checksum", "integer", None, "YES", None),
        ("installed_by", "character varying", 100, "NO", None),
        ("installed_on", "timestamp without time zone", None, "NO", "now()"),
        ("execution_time", "integer", None, "NO", None),
        ("success", "boolean", None, "NO", None),
    ]
    assert indexes == [("flyway_schema_history_pk",), ("flyway_schema_history_s_idx",)]


def test_the_lock_is_flyways_for_this_table():
    java_hash = 0
    for character in '"public"."flyway_schema_history"':
        java_hash = (31 * java_hash + ord(character)) & 0xFFFFFFFF
    java_hash -= (java_hash & 0x80000000) << 1
    letters = zip(b"Flyway", (40, 32, 24, 16, 8, 0), strict=True)
    assert sum(byte << shift for byte, shift in letters) + java_hash == LOCK


def test_it_waits_for_whoever_holds_flyways_lock(empty, folder):
    done = threading.Event()

    def run():
        migrate(empty, app_role="lm_app", directory=folder(V1__a="CREATE TABLE a ()"))
        done.set()

    with psycopg.connect(empty) as flyway:
        flyway.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        thread = threading.Thread(target=run)
        thread.start()
        assert not done.wait(0.3)
        flyway.commit()
        assert done.wait(30)
    thread.join()


def test_two_runners_at_once_apply_each_file_once(empty, folder):
    directory = folder(V1__a="CREATE TABLE a ()", V2__b="CREATE TABLE b ()")
    applied = []
    threads = [
        threading.Thread(
            target=lambda: applied.extend(migrate(empty, app_role="lm_app", directory=directory))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == ["V1__a.sql", "V2__b.sql"]


def test_a_file_that_fails_changes_nothing_and_is_named(empty, folder):
    directory = folder(
        V1__good="CREATE TABLE good ()", V2__bad="CREATE TABLE half (); SELECT nothing"
    )
    told = []
    with pytest.raises(MigrationError, match=r"V2__bad\.sql"):
        migrate(empty, app_role="lm_app", directory=directory, done=told.append)
    # Whoever watches knows how far it came.
    assert told == ["V1__good.sql"]
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert [row["script"] for row in history(empty)] == ["V1__good.sql"]
    (directory / "V2__bad.sql").write_text("CREATE TABLE half ()")
    assert migrate(empty, app_role="lm_app", directory=directory) == ["V2__bad.sql"]


def test_a_changed_file_is_refused_and_named(empty, folder):
    directory = folder(V1__a="CREATE TABLE a ()")
    migrate(empty, app_role="lm_app", directory=directory)
    folder(V1__a="CREATE TABLE a (id int)", V2__b="CREATE TABLE b ()")
    with pytest.raises(MigrationError, match=r"V1__a\.sql: changed"):
        migrate(empty, app_role="lm_app", directory=directory)
    assert len(history(empty)) == 1


def test_a_changed_repeatable_file_is_run_again_as_a_new_row(empty, folder):
    directory = folder(R__view="CREATE OR REPLACE VIEW v AS SELECT 1 AS one")
    migrate(empty, app_role="lm_app", directory=directory)
    folder(R__view="CREATE OR REPLACE VIEW v AS SELECT 2 AS one")
    assert migrate(empty, app_role="lm_app", directory=directory) == ["R__view.sql"]
    assert migrate(empty, app_role="lm_app", directory=directory) == []
    assert len(history(empty)) == 2


def test_a_failed_row_in_the_history_is_refused_and_named():
    row = {"version": "1", "description": "a", "type": "SQL", "script": "V1__a.sql"}
    with pytest.raises(MigrationError, match=r"V1__a\.sql: failed"):
        pending([], [{**row, "checksum": 0, "success": False}])


def test_rows_of_flyways_own_and_of_other_folders_are_left_alone(folder):
    rows = [
        {"version": None, "type": "SCHEMA", "script": '"public"', "description": "<< Flyway >>"},
        {"version": "1", "type": "BASELINE", "script": "<< B >>", "description": "<< B >>"},
        {
            "version": "0.9",
            "type": "SQL",
            "script": "V0_9__platform.sql",
            "description": "platform",
        },
    ]
    history = [{**row, "checksum": None, "success": True} for row in rows]
    assert [each.script for each in pending(read(folder(V2__a="")), history)] == ["V2__a.sql"]


def test_the_applications_role_owns_nothing_and_cannot_rewrite_the_ledger(database):
    assert database.rows("SELECT relname FROM pg_class WHERE relowner = 'lm_app'::regrole") == []
    with psycopg.connect(database.url, autocommit=True) as conn:
        for statement in (
            "UPDATE lm_consent_events SET gesture = 'one_click'",
            "DELETE FROM lm_consent_events",
            "TRUNCATE lm_consent_events",
            "INSERT INTO lm_consent_events (occurred_at) VALUES (now())",
            "DELETE FROM lm_subscribers",
            "UPDATE lm_consent_texts SET text = 'other'",
            "CREATE TABLE mine ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL(statement))


def test_the_applications_role_may_change_no_column_of_what_only_grows(database):
    for table, columns in {
        "lm_consent_events": set(),
        "lm_consent_seals": set(),
        "lm_erasures": set(),
        # Once, by a trigger.
        "lm_consent_texts": {"retired_at"},
        "lm_magnet_files": {"activated_at"},
    }.items():
        granted = database.rows(
            """SELECT column_name FROM information_schema.columns
               WHERE table_name = %s
                 AND has_column_privilege('lm_app', table_name, column_name, 'UPDATE')""",
            table,
        )
        assert {row["column_name"] for row in granted} == columns, table
        for privilege in ("DELETE", "TRUNCATE", "TRIGGER"):
            query = "SELECT has_table_privilege('lm_app', %s, %s)"
            assert database.value(query, table, privilege) is False, (table, privilege)


def test_without_the_applications_role_nothing_is_applied(empty):
    with pytest.raises(MigrationError) as caught:
        migrate(empty, app_role="typo")
    assert str(caught.value) == (
        "there is no role typo in PostgreSQL to grant anything to: create it, or correct APP_ROLE"
    )
    with psycopg.connect(empty) as conn:
        tables = conn.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_without_app_role_the_databases_own_setting_names_the_role(server, empty):
    with psycopg.connect(server.url("postgres", "empty"), autocommit=True) as admin:
        admin.execute("ALTER DATABASE empty SET leadmagnet.app_role = 'no_such_role'")
    with pytest.raises(MigrationError, match="there is no role no_such_role"):
        migrate(empty)
    assert migrate(empty, app_role="lm_app")


def test_a_role_by_another_name_gets_the_grants(server, empty):
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE studio_api")
        migrate(empty, app_role="studio_api")
        with psycopg.connect(empty) as conn:
            query = "SELECT has_table_privilege('studio_api', 'lm_subscribers', 'SELECT')"
            assert conn.execute(query).fetchone() == (True,)
        with psycopg.connect(server.url("postgres", "empty"), autocommit=True) as conn:
            conn.execute("DROP OWNED BY studio_api")
        admin.execute("DROP ROLE studio_api")


def test_a_setting_of_the_database_names_the_role_for_flyway(server, empty):
    with psycopg.connect(server.url("postgres", "empty"), autocommit=True) as admin:
        grants = path_of("sql/migrations/R__lm_grants.sql").read_text()
        admin.execute("SET leadmagnet.app_role = 'no_such_role'")
        notices = []
        admin.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        admin.execute(grants)
    assert notices == ["role no_such_role does not exist: nothing is granted"]
