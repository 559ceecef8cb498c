"""Whoever fills the queue waits behind the others, and an operator can see and drop the flood."""

from __future__ import annotations

import re

import pytest

from leadmagnet.mail import outbox
from tests.support.services import delivery
from tests.support.settings import DELIVERY

HONEST = "honest@example.org"
# What leaves in a minute by default.
A_MINUTE = 60 * 10


@pytest.fixture
def flooded(database):
    """Queue mails as settled signups of these networks do, each network's in their order."""

    def flood(networks, mails):
        database.rows(
            """WITH flooder AS (
                INSERT INTO lm_subscribers (email, locale, asked_consents)
                SELECT format('flood%%s-%%s@example.org', network, turn), 'fr', ARRAY[%s]
                FROM generate_series(1, %s) network, generate_series(0, %s - 1) turn
                RETURNING id, email
            )
            INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, due_at, turn,
                network_key)
            SELECT f.id, m.id, 'fr', ARRAY[%s], now() - interval '1 hour',
                   substring(f.email FROM '-(\\d+)@')::int,
                   sha256(substring(f.email FROM 'flood(\\d+)-')::bytea)
            FROM flooder f, (SELECT id FROM lm_magnets ORDER BY id LIMIT 1) m""",
            DELIVERY, networks, mails, DELIVERY,
        )  # fmt: skip

    return flood


def place_of_honest(services):
    """How many claims it takes until the honest visitor's mail is in a worker's hands."""
    sending = delivery(services, lambda mail: "id")
    for place in range(1, A_MINUTE + 1):
        claimed = outbox.claim(sending)
        assert claimed, "nothing may go"
        if claimed.row["email"] == HONEST:
            return place
    raise AssertionError("not within a minute")


def sign_up_honest(client, mailbox):
    client.post(
        "/api/lead-magnet/signup",
        json={"email": HONEST, "consents": [DELIVERY]},
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
    )


@pytest.mark.parametrize(("networks", "mails"), [(1, 10_000), (100, 160)])
@pytest.mark.parametrize("gone", [0, 1500])
def test_an_honest_visitors_mail_leaves_within_a_minute_of_a_flood(
    client, services, database, mailbox, flooded, networks, mails, gone
):
    """Also when most of what may leave in the hour has left."""
    flooded(networks, mails)
    database.rows(
        "UPDATE lm_send_limiter SET hour_mails = %s, hour_ends_at = now() + interval '50 minutes'",
        gone,
    )
    sign_up_honest(client, mailbox)
    # Its turn is that of the first mail of each network.
    assert place_of_honest(services) <= networks + 1


def test_an_operator_sees_a_flood_and_drops_it_without_learning_who_it_is(
    client, services, database, mailbox, flooded, leadmagnet, log_lines
):
    flooded(2, 3)
    database.rows(
        "INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, turn, network_key)"
        " SELECT subscriber_id, magnet_id, locale, 3, sha256('1') FROM lm_outbox LIMIT 1"
    )
    sign_up_honest(client, mailbox)
    shown = leadmagnet("mails", "flood").stdout
    listed = [line.split()[:2] for line in shown.splitlines()[1:]]
    assert [count for _, count in listed] == ["4", "3", "1"]
    assert not re.search(r"@|198\.51", shown)
    biggest = listed[0][0]
    # One that a worker has in hand is not called back.
    database.rows(
        "UPDATE lm_outbox SET claims = 1, claimed_at = now(), due_at = now() + interval '2 minutes'"
        " WHERE turn = 3"
    )
    assert leadmagnet("mails", "drop", biggest).stdout == "3 mails are cancelled\n"
    states = database.rows(
        "SELECT state, reason, count(*) AS n, count(network_key) AS keys"
        " FROM lm_outbox GROUP BY 1, 2 ORDER BY 1"
    )
    assert states == [
        {"state": "cancelled", "reason": "dropped", "n": 3, "keys": 0},
        {"state": "queued", "reason": None, "n": 5, "keys": 5},
    ]
    assert len(mailbox.deliver().messages(HONEST)) == 1


@pytest.mark.parametrize("network", ["", "0", "%", "a" * 11, "A" * 12, "g" * 12])
def test_what_names_no_network_drops_nothing(database, flooded, leadmagnet, network):
    flooded(1, 2)
    refused = leadmagnet("mails", "drop", network)
    assert refused.returncode != 0
    assert "12 digits" in refused.stderr
    assert database.count("lm_outbox WHERE state = 'queued'") == 2


def test_a_network_without_mails_is_said(leadmagnet):
    refused = leadmagnet("mails", "drop", "0" * 12)
    assert refused.returncode != 0
    assert "mails flood" in refused.stderr


@pytest.mark.parametrize("status", ["unsubscribed", "bounced"])
def test_the_network_of_a_cancelled_mail_is_forgotten(client, services, database, mailbox, status):
    sign_up_honest(client, mailbox)
    database.rows("UPDATE lm_subscribers SET status = %s, status_at = now()", status)
    mailbox.deliver()
    assert database.rows("SELECT state, network_key FROM lm_outbox") == [
        {"state": "cancelled", "network_key": None}
    ]
