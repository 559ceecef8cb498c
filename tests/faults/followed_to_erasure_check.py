"""The documented consumer of webhooks follows a person from signup to erasure, while workers and it
itself are killed, and ends with nothing about them."""

from __future__ import annotations

import signal
from pathlib import Path

from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child
from tests.faults.consumers import People, added, make_due
from tests.faults.stage import Api, stage_on
from tests.support.consumer import documented_consumer, people_in
from tests.support.stack import end_gracefully
from tests.support.waiting import until


def test_a_consumer_follows_a_person_to_the_erasure_over_kills(
    postgres: Postgres, tmp_path: Path
) -> None:
    file, port = tmp_path / "people.sqlite3", free_port()
    with stage_on(postgres, tmp_path) as stage:
        stage.configure(WEBHOOK_ALLOW_HOSTS=f"127.0.0.1:{port}", WEBHOOK_KEY="w" * 40)
        url = f"http://127.0.0.1:{port}/"
        kinds = ("--event", "subscriber.confirmed", "--event", "subscriber.unsubscribed")
        secret = added(stage, "crm", url, "--include", "email", *kinds)

        def hears() -> Child:
            stage.children.append(documented_consumer(secret, file, port))
            return stage.children[-1]

        def dies(step: str) -> None:
            victim = stage.mortal_worker(step, 1)
            until(lambda: victim.ended, seconds=60, what=f"death {step}")
            assert victim.process.returncode == -signal.SIGKILL
            make_due(stage)

        consumer, api = hears(), Api(stage)
        api.wait_until_ready()
        people = People(stage, api, 1)
        assert people_in(file) == []

        people.confirm(0)
        dies("before event_delivered")
        assert people_in(file) == [("confirmed", "heard0@example.org")]

        consumer.signal(signal.SIGKILL)
        consumer.process.wait()
        people.leave(0)
        dies("before event_failed")
        assert people_in(file) == [("confirmed", "heard0@example.org")]

        hears()
        dies("before event_delivered")
        assert people_in(file) == [("unsubscribed", "heard0@example.org")]
        people.erase(0)
        dies("before event_delivered")
        assert people_in(file) == [("erased", None)]
        acknowledged = "SELECT acknowledged_at IS NOT NULL FROM lm_erasure_notices"
        assert stage.value(acknowledged) is False
        worker = stage.worker()
        until(lambda: stage.value(acknowledged), seconds=60, what="the record says so")
        end_gracefully(worker)
        assert b"heard0@" not in file.read_bytes()
        assert stage.rows("SELECT kind FROM lm_webhook_events") == [{"kind": "subscriber.erased"}]
        assert stage.rows("SELECT * FROM lm_webhook_recipients") == []
