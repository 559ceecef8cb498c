"""`leadmagnet replay`: after a restore, repeat what ended people's mail since the backup."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

import click

from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Progress, count
from leadmagnet.errors import TokenUnknown
from leadmagnet.funnel import subscribers
from leadmagnet.funnel.requests import Context
from leadmagnet.mail import ses_events
from leadmagnet.rights import erasures
from leadmagnet.services import Services

# When, whom, and the line.
Told = tuple[datetime, UUID, dict[str, Any]]
STATUSES = ("bounced", "complained")
BY_OPERATOR: dict[str, Any] = {"gesture": "operator", "context": Context(None, None)}


def _unsubscribe(services: Services, subscriber_id: UUID, line: dict[str, Any]) -> bool:
    return subscribers.unsubscribe(services, subscriber_id=subscriber_id, **BY_OPERATOR)


def _end_newsletter(services: Services, subscriber_id: UUID, line: dict[str, Any]) -> bool:
    return subscribers.end_newsletter(services, subscriber_id=subscriber_id, **BY_OPERATOR)


def _lower(services: Services, subscriber_id: UUID, line: dict[str, Any]) -> bool:
    return ses_events.repeat(services, subscriber_id, status=line["status"])


def _erase(services: Services, subscriber_id: UUID, line: dict[str, Any]) -> bool:
    return erasures.erase(services, subscriber_id, by="reapply")


# What is said of each; the log's own words stay in the audit.
WORDS = {
    "subscriber_unsubscribed": "unsubscribed again",
    "newsletter_ended": "taken off the newsletter again",
    "subscriber_status_lowered": "marked as bounced or complained again",
    "subscriber_erased": "erased again",
    "unchanged": "found as they should be",
    "unknown": "not in this database",
}


# Whether anything changed. A confirmation is not repeated: whoever wants mail can ask again.
ACTS: dict[str, Callable[[Services, UUID, dict[str, Any]], bool]] = {
    "subscriber_unsubscribed": _unsubscribe,
    "newsletter_ended": _end_newsletter,
    "subscriber_status_lowered": _lower,
    "subscriber_erased": _erase,
}


def _moment(_: click.Context, __: click.Parameter, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("must be like 2026-11-28T03:00:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise click.BadParameter("is in the future: give the time when the backup began")
    return moment


@click.command("replay", short_help="After a restore, repeat what ended people's mail since.")
@click.option("--since", required=True, callback=_moment, help="When the backup began (UTC).")
@click.argument("logs", nargs=-1, required=True, type=click.File(encoding="utf-8"))
def command(since: datetime, logs: tuple[IO[str], ...]) -> None:
    """Repeat the unsubscriptions, bounces, complaints and erasures that LOGS tell since the backup
    (the lines of the API and the worker, - for stdin). Can be repeated.

    The ledger says that an operator did it. Erasures with an objection need `leadmagnet erasures
    reapply`, too, for the log has no trace of an address.
    """
    told = sorted(_told(logs, since), key=lambda each: each[0])
    done: Counter[str] = Counter()
    with application() as services:
        for _, subscriber_id, line in Progress("repeated").over(told):
            try:
                changed = ACTS[line["event"]](services, subscriber_id, line)
                done[line["event"] if changed else "unchanged"] += 1
            except TokenUnknown:
                done["unknown"] += 1
        audit.record(services.database, OPERATOR, "subscribers:replay", detail=dict(done))
    for event, words in WORDS.items():
        if done[event]:
            click.echo(f"{done[event]} {words}")
    if not done:
        click.echo(f"nothing to repeat since {since.isoformat()}")


def _told(logs: tuple[IO[str], ...], since: datetime) -> Iterator[Told]:
    for log in logs:
        ours, others = 0, list[int]()
        try:
            for number, text in enumerate(Progress(f"lines of {log.name} read").over(log), start=1):
                place = f"{log.name}, line {number}"
                line = _line(text, place=place)
                if line is None:
                    others += [number] if text.strip() else []
                    continue
                ours += 1
                told = _event(line, place=place)
                if told and told[0] >= since:
                    yield told
        except UnicodeDecodeError:
            raise click.ClickException(
                f"{log.name} is not UTF-8 text; unpack it first if it is packed"
            ) from None
        if not ours:
            raise click.ClickException(
                f"{log.name} holds no line of the API's or the worker's log; nothing was repeated"
            )
        if others:
            said = count(len(others), "line")
            click.echo(f"{log.name}: {said} of something else, from line {others[0]}", err=True)


def _line(text: str, *, place: str) -> dict[str, Any] | None:
    """A line of our log; None for any other."""
    # What collects logs may have put a name before the line.
    _, brace, rest = text.partition("{")
    line: dict[str, Any] = {}
    with suppress(ValueError, RecursionError):
        line = json.loads(brace + rest)
    if {"at", "event"} <= line.keys():
        return line
    # Cut off, or wrapped by what collects logs.
    if act := next((act for act in ACTS if act in text), None):
        raise _unreadable(act, place)
    return None


def _event(line: dict[str, Any], *, place: str) -> Told | None:
    """What a line tells; None for nothing to repeat."""
    if str(line["event"]) not in ACTS:
        return None
    try:
        moment = datetime.fromisoformat(line["at"])
        if not moment.tzinfo:
            raise ValueError
        if line["event"] == "subscriber_status_lowered" and line["status"] not in STATUSES:
            raise ValueError
        return moment, UUID(line["subscriber_id"]), line
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _unreadable(line["event"], place) from None


def _unreadable(act: str, place: str) -> click.ClickException:
    # Passed over, somebody would get mail again.
    return click.ClickException(
        f"{place}: this {act} is not as we write it (one JSON object with at and its time zone,"
        " event, subscriber_id, status); nothing was repeated"
    )
