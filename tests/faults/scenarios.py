"""What must hold while things die: one function a scenario, in any size."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from leadmagnet.adapters.sns import Certificates
from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.dev import processes
from leadmagnet.dev.processes import Child
from leadmagnet.services import Services
from tests.faults import consumers, mortal_worker, stalls
from tests.faults.stage import LEASE_SECONDS, Api, Stage, log_of
from tests.faults.visitors import Visitors, sign_up
from tests.support.fake_ses import FAULTS, Raw
from tests.support.settings import API, DELIVERY
from tests.support.settling import settle
from tests.support.signing import TOPIC, Authority
from tests.support.stack import end_gracefully, wait_for_end
from tests.support.waiting import require, until

LANES = 8


class Told(NamedTuple):
    """What a scenario has to tell when every promise was kept."""

    done: str
    measured: str


class Size(NamedTuple):
    kills: int
    mails: int
    outcomes: int
    restarts: int
    visitors_per_fault: int
    faults: tuple[str, ...]
    freezes: int
    terminations: int
    orders: int
    illnesses: tuple[str, ...]
    stall: stalls.Bounds
    serving_after: float


FULL = Size(
    kills=200,
    mails=5000,
    outcomes=4,
    restarts=10,
    visitors_per_fault=25,
    faults=FAULTS,
    freezes=10,
    terminations=20,
    orders=120,
    illnesses=tuple(consumers.ILLNESSES),
    stall=stalls.Bounds(30, 60, slowest_503=3.0, slowest_health=0.1, back_after=2.0),
    serving_after=5,
)
SHORT = Size(
    kills=2,
    mails=30,
    outcomes=1,
    restarts=2,
    visitors_per_fault=3,
    faults=("throttle", "5xx", "refuse", "accept-then-hang", "reset", "paused"),
    freezes=1,
    terminations=1,
    orders=6,
    illnesses=("hangs",),
    # A machine that does other things at the same time tells a bound from none, and no more.
    stall=stalls.Bounds(8, 20, slowest_503=7.0, slowest_health=4.0, back_after=60.0),
    serving_after=60,
)


# 1. kill -9


@dataclass
class Life:
    """Of one worker that will not die in bed: by its own hand at a step, or by ours at random."""

    child: Child
    by_us: bool
    dies_at: float | None = None

    def ended(self, luck: random.Random) -> bool:
        if self.by_us and self.dies_at is None and log_of([self.child], "worker_started"):
            self.dies_at = time.monotonic() + luck.uniform(0, 0.5)
        if self.dies_at is not None and time.monotonic() >= self.dies_at:
            self.child.signal(signal.SIGKILL)
            self.child.process.wait()
        if self.child.ended:
            require(self.child.process.returncode == -signal.SIGKILL, self.child.death_notice())
        return self.child.ended


def workers_killed(stage: Stage, size: Size) -> Told:
    """A worker dies by SIGKILL at each of its steps and at random moments, over and over, while
    visitors sign up: no mail is lost, and none is sent more often than it was hit, plus once."""
    luck = random.Random(size.kills)
    api = Api(stage)
    api.wait_until_ready()
    steps = itertools.cycle(mortal_worker.STEPS)
    per_kill = size.mails / size.kills

    def new_life(slot: int) -> Life:
        if slot == 0:
            return Life(stage.worker(), by_us=True)
        # Few enough mails that those who are invited for each death feed the next lives.
        times = luck.randint(1, max(1, int(per_kill)))
        return Life(stage.mortal_worker(next(steps), times), by_us=False)

    kills, invited = 0, min(size.mails, int(4 * per_kill))
    with Visitors([api.port], at_once=4) as visitors:
        visitors.invite(invited)
        lives = [new_life(slot) for slot in range(3)]

        def one_more_dead() -> bool:
            nonlocal kills
            before = kills
            for slot, life in enumerate(lives):
                if life.ended(luck):
                    kills += 1
                    lives[slot] = new_life(slot)
            return kills > before

        while kills < size.kills:
            until(one_more_dead, seconds=60, what="a worker dies")
            due = min(size.mails, int((kills + 4) * per_kill))
            visitors.invite(due - invited)
            invited = max(invited, due)
        visitors.invite(size.mails - invited)
        until(lambda: len(visitors.accepted) >= size.mails, seconds=120, what="all are accepted")
    processes.stop(*(life.child for life in lives), by=signal.SIGKILL)
    kills += len(lives)

    worker = stage.worker()
    stage.deliver_all(seconds=120)
    end_gracefully(worker)
    balance = stage.balance(visitors.accepted)
    claims = {row["id"]: row["claims"] for row in stage.rows("SELECT id, claims FROM lm_outbox")}
    mails = stage.ses.mails_per_row()
    hits = sum(claims.values()) - len(claims)
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(not visitors.failures and not visitors.refusals, "a signup failed")
    require(len(visitors.bodies) == 1, "not everybody was told the same")
    # A claim that a kill ended is followed by another: so many hits did a row take.
    require(all(mails[row] <= claims[row] for row in claims), "a mail more than it was hit, plus 1")
    # Each kill hits what the worker's lanes had in hand.
    require(hits <= LANES * kills, f"{hits} mails hit by {kills} kills")
    kills += outcomes_killed(stage, api, list(OUTCOMES)[: size.outcomes])
    twice = balance.mails - balance.accepted
    return Told(
        f"{kills} × SIGKILL ({len(mortal_worker.STEPS)} steps, {2 * size.outcomes} around"
        " refusals, and random)",
        f"{balance}; lost 0; {hits} times a mail was hit, {twice} were sent once more; at most"
        f" {max(mails.values())} for one signup",
    )


# Which query marks the mail after each answer of SES.
OUTCOMES = {
    "5xx": "outbox_postpone",
    "refuse": "outbox_bury",
    "throttle": "outbox_throttle",
    "paused": "outbox_pause",
}


def outcomes_killed(stage: Stage, api: Api, modes: list[str]) -> int:
    """Also around the marks for what SES refused or did not do; how many kills."""
    steps = [(when, mode) for mode in modes for when in ("before", "after")]
    addresses = [f"outcome{number}@example.org" for number in range(len(steps))]
    for address, (when, mode) in zip(addresses, steps, strict=True):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
        require(sign_up(connection, address).status == 202, "a signup failed")
        connection.close()
        stage.ses.mode = mode
        victim = stage.mortal_worker(f"{when} {OUTCOMES[mode]}", 1)
        until(lambda child=victim: child.ended, seconds=60, what=f"death {when} {mode}")
        require(victim.process.returncode == -signal.SIGKILL, victim.death_notice())
        stage.make_due()
    stage.ses.mode = "ok"
    stage.operator("mails", "retry", "--all")
    worker = stage.worker()
    stage.deliver_all(seconds=60)
    end_gracefully(worker)
    balance = stage.balance(addresses)
    require(balance.without_mail == 0, "a mail lost by the death around a refusal")
    mails = stage.ses.mails_per_address()
    require(all(mails[address] == 1 for address in addresses), "a refused mail sent twice")
    return len(steps)


# 2. PostgreSQL restarted


def database_restarted(stage: Stage, size: Size) -> Told:
    """PostgreSQL is restarted, fast and immediate, under load: what was acknowledged is there,
    the only other answer is a 503 with Retry-After, and within five seconds all is well."""
    # Longer than the database is away: what was sent is marked when it is back.
    api, worker = Api(stage), stage.worker(LEASE_SECONDS="20")
    api.wait_until_ready()
    postgres = stage.postgres
    served_after, mailed_after = [], []
    stopped, came_back = [], []
    with Visitors([api.port], at_once=6, pause=0.1) as visitors:
        visitors.invite(1_000_000)
        for number in range(size.restarts):
            seen = len(visitors.accepted)
            until(lambda n=seen: len(visitors.accepted) > n + 30, seconds=60, what="a normal flow")
            assert postgres.child is not None
            stopped.append(time.monotonic())
            processes.stop(postgres.child, by=(signal.SIGINT, signal.SIGQUIT)[number % 2])
            # Away for a moment, or for longer than a request waits.
            absent_until = time.monotonic() + (0, 0, 2.5, 4)[number % 4] * (size is FULL)
            until(lambda end=absent_until: time.monotonic() >= end, seconds=9, what="absence")
            sent = len(stage.ses.accepted)
            postgres.start()
            back = time.monotonic()
            came_back.append(back)
            served_after.append(_next_202(visitors, back) - back)
            until(lambda n=sent: len(stage.ses.accepted) > n, seconds=60, what="mails go again")
            mailed_after.append(time.monotonic() - back)
    stage.deliver_all(seconds=60)
    end_gracefully(worker)
    balance = stage.balance(visitors.accepted)
    refusals = visitors.refusals
    periods = list(zip(came_back, [*stopped[1:], float("inf")], strict=True))
    asked = [answer.at - answer.seconds for answer in refusals]
    # A 503 to a request that came after the database was back.
    late = [at - back for back, away in periods for at in asked if back < at < away]
    slowest = max(answer.seconds for answer in visitors.answers)
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(not visitors.failures, f"requests without an answer: {visitors.failures[:3]}")
    require({answer.status for answer in refusals} <= {503}, "an answer other than 202 and 503")
    require(all(int(answer.retry_after or 0) > 0 for answer in refusals), "503, no Retry-After")
    require(len(visitors.bodies) == 1, "not everybody was told the same")
    require(max(late + served_after) < size.serving_after, "not serving in time")
    return Told(
        f"{size.restarts} restarts of PostgreSQL, every second one immediate",
        f"{balance}; lost 0, sent twice {balance.mails - balance.accepted};"
        f" {len(refusals)} × 503, slowest answer {slowest:.1f} s; after its"
        f" return first 202 within {max(served_after):.1f} s, {len(late)} × 503 to later requests,"
        f" mails again within {max(mailed_after):.1f} s",
    )


def _next_202(visitors: Visitors, back: float) -> float:
    def look() -> float | None:
        times = [each.at for each in visitors.answers[-200:] if each.status == 202]
        return next((at for at in times if at > back), None)

    return float(until(look, seconds=60, what="a 202 after the database's return") or 0)


# 3. SES down


def ses_down(stage: Stage, size: Size) -> Told:
    """SES fails in every way, the whole time: who tries again gets the same answer, and when SES
    is well everybody gets her mail."""
    # Longer than SES may take to answer, as .env.example asks.
    lease = {"LEASE_SECONDS": "20", "SES_TIMEOUT_SECONDS": "10"}
    api = Api(stage)
    workers = [stage.worker(**lease) for _ in range(2)]
    api.wait_until_ready()
    met: dict[str, int] = {}
    told: set[bytes] = set()
    addresses: list[str] = []
    for fault in size.faults:
        stage.ses.mode = fault
        with Visitors([api.port], at_once=4) as visitors:
            visitors.invite(size.visitors_per_fault)
            enough = size.visitors_per_fault
            until(lambda v=visitors, n=enough: len(v.accepted) >= n, seconds=60, what="accepted")
        addresses += visitors.accepted
        wanted = 2 if "hang" in fault else min(5, size.visitors_per_fault)
        until(_meeting(stage, fault, wanted), seconds=60, what=f"{wanted} mails meet {fault}")
        if size is FULL and "hang" in fault:
            # Out of our own patience, not because SES comes back.
            gave_up = "SELECT count(*) >= 2 FROM lm_outbox WHERE reason = 'deadline_passed'"
            until(lambda sql=gave_up: stage.value(sql), seconds=60, what="a worker gives up")
        met[fault] = stage.ses.met[fault]
        told |= visitors.bodies | _told_again(api, visitors.accepted)
    require(stage.ses.met["ok"] == 0, "SES was well for a moment")
    kept = len(stage.ses.accepted)
    for worker in workers:
        end_gracefully(worker)
    stage.ses.mode = "ok"
    dead = stage.value("SELECT count(*) FROM lm_outbox WHERE state = 'dead'")
    stage.make_due()
    stage.operator("mails", "retry", "--all")
    worker = stage.worker(**lease)
    stage.deliver_all(seconds=60)
    told |= _told_again(api, set(addresses[:5]))
    end_gracefully(worker)
    balance = stage.balance(addresses)
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(len(told) == 1, "somebody was told something else")
    require(b"vient de partir" not in told.pop(), "told that a mail has left, and none had")
    require(balance.mails <= balance.accepted + kept, "sent more often than SES kept silent")
    times = ", ".join(f"{mode} {count}" for mode, count in met.items())
    return Told(
        f"SES failing in {len(met)} ways all the time, then well",
        f"{balance}; lost 0; met {times}; {dead} dead retried by the operator; {kept} kept in"
        " silence, each sent once more; all told the same bytes, before and after",
    )


def _meeting(stage: Stage, fault: str, wanted: int) -> Callable[[], bool]:
    def look() -> bool:
        stage.open_gate()
        return stage.ses.met[fault] >= wanted

    return look


def _told_again(api: Api, addresses: set[str]) -> set[bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    answers = [sign_up(connection, address) for address in addresses]
    connection.close()
    require({answer.status for answer in answers} == {202}, "who tries again gets no 202")
    return {answer.body for answer in answers}


# 4. Frozen


def worker_frozen(stage: Stage, size: Size) -> Told:
    """A worker is frozen in the middle of its send until another has sent the mail; thawed, it
    marks nothing: the message id of the holder stays."""
    api = Api(stage)
    workers = [stage.worker(), stage.worker()]
    api.wait_until_ready()
    stage.ses.delay = 0.5
    addresses = []
    for number in range(size.freezes):
        frozen, other = workers[number % 2], workers[1 - number % 2]
        until(lambda w=workers: _started(w), seconds=60, what="two workers")
        lost, taken = log_of([frozen], "lease_lost"), len(stage.ses.accepted)
        other.signal(signal.SIGSTOP)
        addresses.append(f"frozen{number}@example.org")
        _told_again(api, {addresses[-1]})
        until(lambda n=taken: len(stage.ses.accepted) > n, seconds=60, what="a mail at SES")
        frozen.signal(signal.SIGSTOP)
        other.signal(signal.SIGCONT)
        stage.deliver_all(seconds=LEASE_SECONDS + 60)
        row = stage.rows("SELECT claims, message_id FROM lm_outbox ORDER BY id DESC LIMIT 1")[0]
        frozen.signal(signal.SIGCONT)
        what = "the thawed worker says that its lease is lost"
        until(lambda c=frozen, n=lost: log_of([c], "lease_lost") > n, seconds=60, what=what)
        later = stage.rows("SELECT claims, message_id FROM lm_outbox ORDER BY id DESC LIMIT 1")[0]
        require(row["claims"] == 2, f"claimed {row['claims']} times")
        require(row == later, "a worker marked a mail that it no longer held")
        require(row["message_id"] == stage.ses.accepted[-1].message_id, "another's message id")
    for worker in workers:
        end_gracefully(worker)
    balance = stage.balance(addresses)
    require(balance.without_mail == 0, "a mail lost")
    return Told(
        f"{size.freezes} × SIGSTOP in the middle of a send, SIGCONT after its lease",
        f"{balance}; {log_of(workers, 'lease_lost')} × lease_lost, double marks 0",
    )


def _started(workers: list[Child]) -> bool:
    return all(log_of([worker], "worker_started") for worker in workers)


# 5. SIGTERM


def all_terminated(stage: Stage, size: Size) -> Told:
    """Two APIs and two workers get SIGTERM in turns, under load: each ends by itself, every
    request that was written is answered, and every mail goes out exactly once."""
    apis = [Api(stage), Api(stage)]
    workers = [stage.worker(), stage.worker()]
    for api in apis:
        api.wait_until_ready()
    slowest = 0.0
    with Visitors([api.port for api in apis], at_once=8, pause=0.3) as visitors:
        visitors.invite(1_000_000)
        for number in range(size.terminations):
            seen = len(visitors.accepted)
            until(lambda n=seen: len(visitors.accepted) > n + 20, seconds=60, what="a normal flow")
            until(lambda: _started(workers), seconds=60, what="two workers")
            api, worker = apis[number % 2], workers[number % 2]
            started = time.monotonic()
            worker.signal(signal.SIGTERM)
            api.terminate()
            wait_for_end(worker)
            slowest = max(slowest, time.monotonic() - started)
            api.restart()
            workers[number % 2] = stage.worker()
            api.wait_until_ready()
    failures = visitors.failures
    require(not failures, f"{len(failures)} requests in flight failed: {failures[:3]}")
    stage.deliver_all(seconds=60)
    until(lambda: _started(workers), seconds=60, what="two workers")
    for worker in workers:
        end_gracefully(worker)
    for api in apis:
        api.terminate()
    balance = stage.balance(visitors.accepted)
    require(size is SHORT or not visitors.refusals, f"refused: {visitors.refusals[:3]}")
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(balance.mails == balance.accepted, "a mail went out twice")
    return Told(
        f"{size.terminations} × SIGTERM of API and worker under load, restarted each time",
        f"{balance}; {len(visitors.answers)} requests, failed 0; stopped within {slowest:.1f} s",
    )


# 6. Events in any order


def events_shuffled(stage: Stage, size: Size) -> Told:
    """Five events of one mail in every order, each delivered twice at the same moment: one final
    state, and no answer but 200.

    In this process: a server believes Amazon's certificates only, and has no back door for ours.
    """
    authority = Authority()
    config = Config.from_env(stage.environment(SNS_TOPICS=TOPIC))
    services = Services.from_config(config, connections=4)
    certificates = Certificates(lambda url: authority.pem)
    app = create_app(replace(services, certificates=certificates))
    services.database.open()
    statuses: set[int] = set()
    every = list(itertools.permutations(range(5)))
    orders = every[:: len(every) // size.orders]
    addresses = [f"event{number}@example.org" for number in range(len(orders))]

    def post(path: str, body: object, number: int = 0) -> int:
        answer = app.test_client().post(
            f"{API}/{path}",
            data=json.dumps(body),
            content_type="application/json",
            headers={"X-Forwarded-For": f"2001:db8:{number:x}::1"},
        )
        return answer.status_code

    try:
        consents = [DELIVERY]
        for number, address in enumerate(addresses):
            answer = post("signup", {"email": address, "consents": consents}, number)
            require(answer == 202, "a signup failed")
        settle(services)
        # Sent, and the answer of SES was lost: the events are all that is known.
        stage.rows("UPDATE lm_outbox SET claims = 1, due_at = now() + interval '1 hour'")
        rows = stage.rows("SELECT id FROM lm_outbox ORDER BY id")
        with ThreadPoolExecutor(2) as pool:
            for row, order, address in zip(rows, orders, addresses, strict=True):
                events = _five_events(row["id"], address)
                messages = [authority.message(event) for event in events]
                for index in order:
                    statuses |= set(pool.map(post, ["webhooks/ses"] * 2, [messages[index]] * 2))
    finally:
        services.database.close()
    subscribers = stage.rows("SELECT DISTINCT status FROM lm_subscribers")
    mails = stage.rows("SELECT DISTINCT state, message_id FROM lm_outbox")
    stored = stage.value("SELECT count(*) FROM lm_ses_events")
    ledger = stage.value("SELECT count(*) FROM lm_consent_events WHERE type = 'complaint'")
    require(statuses == {200}, f"answers {statuses}")
    require(subscribers == [{"status": "complained"}], f"final states {subscribers}")
    require(mails == [{"state": "sent", "message_id": "ses-1"}], f"final states {mails}")
    require(stored == 5 * len(orders), f"{stored} events stored")
    require(ledger == len(orders), f"{ledger} complaints in the ledger")
    return Told(
        f"{len(orders)} orders of five events, each delivered twice at once",
        f"{10 * len(orders)} messages, all 200; {stored} events stored, all complained, all sent",
    )


def _five_events(outbox_id: int, address: str) -> Iterator[dict[str, object]]:
    tags = {"outbox_id": [str(outbox_id)], "kind": ["confirm"]}
    mail = {"messageId": "ses-1", "tags": tags, "destination": [address]}
    bounced = [{"emailAddress": address}]
    yield {"eventType": "Send", "mail": mail}
    yield {"eventType": "Delivery", "mail": mail}
    for kind in ("Transient", "Permanent"):
        details = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": bounced}
        yield {"eventType": "Bounce", "mail": mail, "bounce": details}
    complaint = {"complaintFeedbackType": "abuse", "complainedRecipients": bounced}
    yield {"eventType": "Complaint", "mail": mail, "complaint": complaint}


# 7. A database that stands still


def database_stands_still(stage: Stage, size: Size) -> Told:
    """Locks, a frozen server, a network that swallows packets: a 503 in time for whoever needs the
    database, health at once, and everybody served again as soon as it is over."""
    found = stalls.database_stalled(stage, size.stall)
    return Told(
        f"{len(found)} stalls of {size.stall.seconds} s each, {size.stall.rate} requests a second",
        "; ".join(f"{name}: {measured}" for name, measured in found.items()),
    )


# 8. Odd answers of SES, to all lanes at once

ODD_ANSWERS = {
    "204": Raw(b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n"),
    "empty": Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"),
    "400 null": Raw(b"HTTP/1.1 400 x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnull"),
    "302": Raw(b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    "no HTTP": Raw(b"hello"),
    "drips": Raw(b"HTTP/1.1 200 OK\r\nX-Drip: ", drip=0.1),
}


def odd_answers(stage: Stage, size: Size) -> Told:
    """SES answers what its API does not know, or byte by byte: the worker lives, ends on SIGTERM
    in the middle of it, and every mail goes out once SES is well."""
    api = Api(stage)
    api.wait_until_ready()
    addresses: set[str] = set()
    slowest = 0.0
    for name, answer in ODD_ANSWERS.items():
        stage.ses.mode = answer
        before = stage.ses.met["raw"]
        worker = stage.worker()
        with Visitors([api.port], at_once=4) as visitors:
            visitors.invite(LANES)
            until(lambda v=visitors: len(v.accepted) >= LANES, seconds=60, what="accepted")
        addresses |= set(visitors.accepted)
        until(lambda n=before: stage.ses.met["raw"] > n + 3, seconds=60, what=f"mails meet {name}")
        require(not worker.ended, f"the worker died of {name}: {worker.death_notice}")
        started = time.monotonic()
        end_gracefully(worker)
        slowest = max(slowest, time.monotonic() - started)
        stage.rows("UPDATE lm_send_limiter SET pause_reason = NULL")
        stage.make_due()
    stage.ses.mode = "ok"
    worker = stage.worker()
    stage.deliver_all(seconds=60)
    end_gracefully(worker)
    balance = stage.balance(addresses)
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(balance.mails == balance.accepted, "a mail went out twice")
    return Told(
        f"{len(ODD_ANSWERS)} answers that SES's API does not know, {LANES} lanes",
        f"{balance}; no death; stopped within {slowest:.1f} s",
    )


# 9. Killed between the 202 and its settlement


def settlers_killed(stage: Stage, size: Size) -> Told:
    """Workers die by SIGKILL around each step of settling: every 202 is settled or waits still,
    and nothing is settled twice."""
    api = Api(stage)
    api.wait_until_ready()
    steps = mortal_worker.SETTLING_STEPS
    invited = kills = 0
    with Visitors([api.port], at_once=4) as visitors:
        for step in itertools.islice(itertools.cycle(steps), max(size.kills, len(steps))):
            victim = stage.mortal_worker(step, 1)
            invited += 5
            visitors.invite(5)
            until(lambda child=victim: child.ended, seconds=60, what=f"death {step}")
            require(victim.process.returncode == -signal.SIGKILL, victim.death_notice())
            kills += 1
            enough = invited
            until(lambda n=enough: len(visitors.accepted) >= n, seconds=60, what="accepted")
            _settled_or_waiting(stage, visitors.accepted)
    worker = stage.worker()
    stage.deliver_all(seconds=60)
    end_gracefully(worker)
    require(not visitors.failures and not visitors.refusals, "a signup failed")
    _settled_or_waiting(stage, visitors.accepted)
    balance = stage.balance(visitors.accepted)
    events = stage.value("SELECT count(*) FROM lm_consent_events")
    counted = stage.value("SELECT sum(n) FROM lm_request_outcomes")
    require(balance.without_mail == 0, f"{balance.without_mail} mails lost")
    require(events == counted == balance.accepted, f"{events} events, {counted} outcomes counted")
    return Told(
        f"{kills} × SIGKILL between the 202 and the end of its settlement ({len(steps)} steps)",
        f"{balance}; {events} events in the ledger, {counted} outcomes, one of each for each 202",
    )


def _settled_or_waiting(stage: Stage, accepted: set[str]) -> None:
    """Each accepted address is in exactly one of the two places."""
    waiting = [row["email"] for row in stage.rows("SELECT email FROM lm_requests")]
    settled = [row["email"] for row in stage.rows("SELECT email FROM lm_subscribers")]
    require(
        sorted(waiting + settled) == sorted(accepted),
        f"{len(accepted)} accepted = {len(settled)} settled + {len(waiting)} waiting",
    )


# 10. Ill consumers of webhooks


def consumers_ill(stage: Stage, size: Size) -> Told:
    """A consumer is ill in every way while workers die by SIGKILL, another one is gone: every
    event arrives or is seen waiting, none is lost, none is signed wrongly, an erasure is told."""
    people, kills = (10, 3) if size is FULL else (2, 1)
    done, figures = consumers.illnesses_met(
        stage, illnesses=size.illnesses, people=people, kills=kills
    )
    return Told(done, figures)


SCENARIOS = {
    "1 kill -9": workers_killed,
    "2 database": database_restarted,
    "3 SES down": ses_down,
    "4 frozen": worker_frozen,
    "5 SIGTERM": all_terminated,
    "6 events": events_shuffled,
    "7 stalls": database_stands_still,
    "8 odd answers": odd_answers,
    "9 settling": settlers_killed,
    "10 webhooks": consumers_ill,
}
