"""The audit is in the sealed chain: what was changed in it behind the triggers' back is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leadmagnet.consent import ledger, seals
from tests.support.client import sign_up


def seal(services):
    return seals.Sealer(services, settling_time=timedelta()).seal()


@pytest.fixture
def audited(client, owner, viewer, database, services):
    """Ada signed up, was looked at, and was erased, which the assistant may not: an event, three
    rows of the audit and a tombstone, each with its seal."""
    sign_up(client)
    ada = database.value("SELECT id FROM lm_subscribers")
    assert owner.get(f"/subscribers/{ada}").status_code == 200
    assert viewer.delete(f"/subscribers/{ada}", {"reason": "test"}).status_code == 403
    assert seal(services) == 3
    assert owner.delete(f"/subscribers/{ada}", {"reason": "person_asked"}).status_code == 204
    assert seal(services) == 2


def test_what_was_done_in_the_admin_api_is_sealed_with_the_ledger(audited, services, leadmagnet):
    report = ledger.verify(services)
    assert (report.faults, report.audited, report.head.position) == ([], 3, 5)
    said = leadmagnet("ledger", "verify").stdout
    assert said.startswith(
        "intact: 0 events, 1 more of people who were erased since, 3 rows of the audit,"
    )


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'key:somebody'",
        "action = 'subscribers:read'",
        "outcome = 'done'",
        "occurred_at = occurred_at - interval '1 minute'",
        "subscriber_id = gen_random_uuid()",
        'detail = \'{"reason": "test"}\'',
        "request_id = 'other'",
        "once_on = NULL",
    ],
)
def test_a_row_altered_behind_the_triggers_is_named(audited, services, superuser, change):
    superuser.execute(f"UPDATE lm_audit SET {change} WHERE id = 2")
    assert ledger.verify(services).faults == ["row of the audit 2 (sealed as 3) was altered"]


def test_a_row_removed_is_named_and_nobodys_erasure_excuses_it(audited, services, superuser):
    superuser.execute("DELETE FROM lm_audit WHERE id = 3")
    assert ledger.verify(services).faults == ["row of the audit 3 (sealed as 5) was removed"]
    superuser.execute("DELETE FROM lm_consent_seals WHERE audit_id = 1")
    assert "seal 2 was removed" in ledger.verify(services).faults


def test_a_row_dated_back_is_named_before_its_seal_and_after(audited, services, superuser):
    superuser.execute(
        "INSERT INTO lm_audit (occurred_at, actor, action, outcome)"
        " VALUES (now() - interval '1 hour', 'key:ada-laptop', 'subscribers:export', 'done')"
    )
    (fault,) = ledger.verify(services).faults
    assert fault.startswith("row of the audit 4 was recorded more than 0:05:00 ago and has no seal")
    assert seal(services) == 1
    (fault,) = ledger.verify(services).faults
    assert fault.startswith("seals 6 to 6 were made up to 1:00:")
