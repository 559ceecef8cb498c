"""`leadmagnet purge`: delete what has reached its retention period."""

from __future__ import annotations

from collections import Counter

import click

from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import count, print_table
from leadmagnet.database import Transaction
from leadmagnet.rights import retention


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def command(dry_run: bool) -> None:
    """Delete what is past its time, as the worker does; .env.example explains the days."""
    found: Counter[str] = Counter()
    with application() as services:
        for batch in retention.purge(services, dry_run=dry_run, note=_note):
            found[batch.rule] += batch.found
            if batch.found == retention.BATCH:
                click.echo(f"… {found[batch.rule]} {_words(batch.rule)}", err=True)
        rows = [
            (_words(rule.name), count(rule.age.days, "day"), found[rule.name])
            for rule in retention.rules(services.config)
        ]
    print_table(("WHAT", "AFTER", "FOUND" if dry_run else "DELETED"), rows, empty="")


def _note(transaction: Transaction, batch: retention.Batch) -> None:
    audit.record(transaction, OPERATOR, "subscribers:purge", detail={batch.rule: batch.found})


def _words(name: str) -> str:
    return name.replace("_", " ").replace("ip ", "IP ")
