"""The figures: of those who asked in a time, how many got how far."""

from __future__ import annotations

import pytest

from tests.support.admin import Caller, admin_client, new_key
from tests.support.client import confirm, problem, sign_up
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER

ERASE = "SELECT lm_erase(id, 'person', NULL, NULL) FROM lm_subscribers"


@pytest.fixture
def ada(client, mailbox):
    """Ada has confirmed with the newsletter; Grace has asked, and no more."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER], source="instagram")
    confirm(client, mailbox.deliver().token())
    leave = mailbox.unsubscribe_token()
    sign_up(client, "grace@gmail.com")
    mailbox.deliver()
    return leave


def total(caller, query=""):
    answer = caller.get(f"/stats{query}")
    assert answer.status_code == 200, answer.data
    return answer.json["total"]


def test_a_cohort_says_how_far_those_who_asked_got(viewer, ada):
    figures = viewer.get("/stats").json
    whole = figures["total"]
    counts = ("asked", "mailed", "confirmed", "fileHandedOut", "newsletter", "bounced", "erased")
    assert [whole[name] for name in counts] == [2, 2, 1, 1, 1, 0, 0]
    assert (whole["confirmRate"], whole["newsletterRate"], whole["bounceRate"]) == (50.0, 100.0, 0)
    assert 0 <= whole["medianMinutesToConfirm"] < 5
    assert len(figures["byDay"]) == 30 and figures["byDay"][-1]["asked"] == 2
    assert figures["byDay"][0]["confirmRate"] is None
    assert {(row["source"], row["asked"]) for row in figures["bySource"]} == {
        ("instagram", 1), (None, 1),
    }  # fmt: skip
    assert {(row["provider"], row["confirmed"]) for row in figures["byProvider"]} == {
        ("other", 1), ("gmail", 0),
    }  # fmt: skip
    (magnet,) = figures["byMagnet"]
    assert (magnet["magnet"], magnet["asked"]) == ("guide-mariee-sereine", 2)
    assert "@" not in str(figures)


def test_a_rate_over_nothing_is_null(viewer):
    whole = total(viewer)
    assert (whole["asked"], whole["confirmRate"], whole["bounceRate"]) == (0, None, None)
    assert whole["medianMinutesToConfirm"] is None


def test_leaving_does_not_rewrite_what_happened(client, viewer, ada):
    before = total(viewer)
    client.post(f"{API}/unsubscribe/{ada}")
    after = total(viewer)
    assert after == before | {"unsubscribed": 1}


def test_who_asked_for_two_magnets_is_one_person_and_counts_with_each(
    client, viewer, ada, database, mailbox
):
    database.rows(
        "INSERT INTO lm_magnets (slug, title, description, file_name)"
        " SELECT 'other', title, description, file_name FROM lm_magnets"
    )
    database.rows(
        "INSERT INTO lm_outbox (subscriber_id, kind, magnet_id, locale)"
        " SELECT s.id, 'download', m.id, 'fr' FROM lm_subscribers s, lm_magnets m"
        " WHERE s.email = %s AND m.slug = 'other'",
        ADA,
    )
    figures = viewer.get("/stats").json
    assert (figures["total"]["asked"], figures["total"]["fileHandedOut"]) == (2, 1)
    assert {(row["magnet"], row["asked"]) for row in figures["byMagnet"]} == {
        ("guide-mariee-sereine", 2), ("other", 1),
    }  # fmt: skip
    assert total(viewer, "?magnet=other")["confirmed"] == 1
    for magnet, found in (("other", 1), ("guide-mariee-sereine", 2), ("nothing", 0)):
        people = viewer.post("/subscribers/search", {"magnet": magnet}).json["items"]
        assert len(people) == found
    database.rows(ERASE)
    after = viewer.get("/stats").json
    assert after["byMagnet"] == figures["byMagnet"]


def test_links_that_are_deleted_since_were_still_used(viewer, ada, database):
    database.rows("DELETE FROM lm_download_tokens")
    assert total(viewer)["fileHandedOut"] == 1


def test_erased_people_stay_as_counts_that_name_nobody(viewer, ada, database):
    before = viewer.get("/stats?magnet=guide-mariee-sereine").json
    database.rows(ERASE)
    after = viewer.get("/stats?magnet=guide-mariee-sereine").json
    assert after["total"] == before["total"] | {"erased": 2, "medianMinutesToConfirm": None}
    assert after["byDay"] == before["byDay"]
    assert after["byMagnet"] == before["byMagnet"]
    assert after["bySource"] == after["byProvider"] == []
    kept = str(database.rows("SELECT c::text FROM lm_erased_counts c"))
    assert "instagram" not in kept and "gmail" not in kept
    assert total(viewer)["asked"] == 2


def test_a_day_is_the_studios(start, database):
    # Half past eleven in the evening of the last of May in London is June in Paris.
    database.rows(
        "INSERT INTO lm_subscribers (email, locale, asked_consents, created_at)"
        " VALUES (%s, 'fr', '{}', '2026-05-31 22:30Z')",
        ADA,
    )
    for erased in (False, True):
        for zone, asked in (("Europe/Paris", 1), ("Europe/London", 0)):
            services = start(TIME_ZONE=zone)
            with admin_client(services) as client:
                caller = Caller(client, new_key(database, services, role="viewer"))
                figures = caller.get("/stats?from=2026-06-01&to=2026-06-30").json
            assert figures["timeZone"] == zone
            assert [figures["total"]["asked"], figures["byDay"][0]["asked"]] == [asked] * 2, erased
        database.rows(ERASE)


NO_PERIODS = [
    "from=2026-06-02&to=2026-06-01",
    "from=2000-01-01&to=2026-01-01",
    "from=x",
    "to=",
    "from=2026-13-01",
    "from=2026-06-01T00:00:00Z",
    "magnet=%00",
    "to=0001-01-01",
    "from=9999-12-31&to=9999-12-31",
]


def test_a_period_that_is_none_is_refused(viewer, subtests):
    for query in NO_PERIODS:
        with subtests.test(str(query)):
            assert problem(viewer.get(f"/stats?{query}"))[0] == 422


def test_a_magnet_that_is_none_is_not_found(viewer):
    assert problem(viewer.get("/stats?magnet=none")) == (404, "magnet_unknown")
