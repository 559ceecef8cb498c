"""Puts the former system's tables out of the way of ours, and in the end away."""

from __future__ import annotations

from psycopg import sql

from leadmagnet.moving.steps import (
    COLUMNS,
    SUBSCRIBERS,
    TELLTALE,
    MovingError,
    aside,
    one,
    require_aside,
    run,
    steps,
    tables,
    transaction,
)


def set_aside(url: str) -> bool:
    """Rename the three tables with their indexes and constraints, and revoke everybody's rights on
    them. False when that was done before. Raises MovingError."""
    with transaction(url) as conn:
        there = tables(conn)
        theirs = [name for name in COLUMNS if TELLTALE[name] in there.get(name, ())]
        done = [aside(name) for name in COLUMNS if aside(name) in there]
        if not theirs:
            if len(done) == len(COLUMNS):
                return False
            raise MovingError(
                "there are no tables of ProspectFlow's lead magnet in the schema public of this"
                " database"
            )
        if done:
            raise MovingError(
                f"{', '.join(done)} is there already, and so is {', '.join(theirs)}: one of them is"
                " a copy; rename or drop it"
            )
        if len(theirs) < len(COLUMNS):
            missing = [name for name in COLUMNS if name not in theirs]
            raise MovingError(
                f"of the three tables {', '.join(missing)} is missing or not in the former shape:"
                " restore it from a backup, for a move without it would lose links or proofs"
            )
        for name, columns in COLUMNS.items():
            if lacking := sorted(columns - there[name]):
                raise MovingError(f"{name} has no column {', '.join(lacking)}: nothing was changed")
        run(conn, "prospectflow_aside")
    return True


def script() -> str:
    """The renaming as one statement."""
    return steps()["prospectflow_aside"].text + ";"


def go_back(url: str, role: str, *, rehearsal: bool = False) -> None:
    """Delete all of ours, and give the old tables their names and `role` its rights again; or only
    find out whether that can be done. Raises MovingError once people have acted here: an
    unsubscription would be lost."""
    with transaction(url) as conn:
        there = tables(conn)
        if missing := [aside(name) for name in COLUMNS if aside(name) not in there]:
            raise MovingError(f"not there: {', '.join(missing)}; there is nothing to go back to")
        if SUBSCRIBERS in there:
            run(conn, "prospectflow_hold")
            if acts := one(conn, "prospectflow_acts")["acts"]:
                raise MovingError(
                    f"people have acted here since ({acts} times), and the old tables know nothing"
                    " of it: an unsubscription would be lost; go forward"
                )
        run(conn, "prospectflow_back")
        conn.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(
                sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), sql.Identifier(role)
            )
        )
        if rehearsal:
            conn.rollback()


def drop(url: str) -> None:
    """Delete the tables that were set aside, for good. Raises MovingError."""
    with transaction(url) as conn:
        require_aside(conn)
        if not one(conn, "prospectflow_lock")["held"]:
            raise MovingError("an import is running: wait for its end")
        run(conn, "prospectflow_drop")
        run(conn, "prospectflow_audit_drop")
