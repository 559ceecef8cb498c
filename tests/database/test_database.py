"""The pool of connections: a database that came back is one that was never away."""

from __future__ import annotations

import psycopg

from tests.support.client import sign_up


def test_connections_that_the_database_ended_meanwhile_cost_nobody_a_503(client, database, server):
    assert sign_up(client).status_code == 202
    with psycopg.connect(server.url("postgres", database.name)) as superuser:
        ended = superuser.execute(
            "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity"
            " WHERE application_name = 'leadmagnet' AND datname = current_database()"
        ).fetchone()
    assert ended != (0,)
    assert sign_up(client, "bea@example.org").status_code == 202
