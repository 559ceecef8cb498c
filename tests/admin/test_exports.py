"""The list as a file: whole or not at all, harmless in a spreadsheet, and known again."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import tracemalloc

import pytest

from leadmagnet.admin import exports
from leadmagnet.admin.audit import Caller
from leadmagnet.commands import printing
from leadmagnet.services import Services
from tests.support.client import confirm, problem, sign_up
from tests.support.settings import ADA, DELIVERY, NEWSLETTER


@pytest.fixture
def ada(client, mailbox):
    """Ada has confirmed with the newsletter; Grace has asked, and no more."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER], source="instagram")
    confirm(client, mailbox.deliver().token())
    sign_up(client, "grace@example.org")


CALLER = Caller("key:ada-laptop", "owner", None)


def people(database, number, **values):
    sources = values.get("source", "x")
    database.rows(
        "INSERT INTO lm_subscribers (email, source, locale, asked_consents, created_at, status,"
        " confirmed_at, newsletter, newsletter_at) SELECT format('p%%s@example.org', n), %s, 'fr',"
        " '{}', now() - n * interval '1 second', 'confirmed', now(), true, now()"
        " FROM generate_series(1, %s) n",
        sources,
        number,
    )


def rows_of(answer, delimiter=";"):
    assert answer.status_code == 200, answer.data
    text = answer.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def account(database):
    return database.rows("SELECT actor, detail FROM lm_audit WHERE action = 'subscribers:export'")


def test_a_csv_is_for_people_and_says_what_proves_each_consent(owner, ada):
    answer = owner.post("/exports")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.data.startswith(b'\xef\xbb\xbf"Email";"Statut";"Source"')
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="lm-')
    (row,) = rows_of(answer)
    assert list(row)[:6] == [
        "Email", "Statut", "Source", "Date inscription", "Date confirmation", "Téléchargements",
    ]  # fmt: skip
    assert (row["Email"], row["Statut"], row["Source"]) == (ADA, "confirmé", "instagram")
    assert (row["Newsletter"], row["Téléchargements"]) == ("oui", "1")
    assert row["Texte accepté"] == NEWSLETTER and row["Preuve du consentement"] == "confirmation"
    assert row["Consentement newsletter"] and row["Version de la politique"]


def test_only_who_agreed_to_the_newsletter_unless_everybody_is_asked_for(owner, ada):
    assert [row["Email"] for row in rows_of(owner.post("/exports"))] == [ADA]
    everybody = rows_of(owner.post("/exports", {"everybody": True, "delimiter": "comma"}), ",")
    assert {row["Email"]: row["Preuve du consentement"] for row in everybody} == {
        ADA: "confirmation", "grace@example.org": "",
    }  # fmt: skip
    pending = rows_of(owner.post("/exports", {"everybody": True, "status": "pending"}))
    assert [row["Email"] for row in pending] == ["grace@example.org"]


def test_an_address_that_bounced_does_not_receive_the_newsletter(owner, ada, database):
    database.rows("UPDATE lm_subscribers SET status = 'bounced' WHERE newsletter")
    assert rows_of(owner.post("/exports")) == []
    (row,) = rows_of(owner.post("/exports", {"everybody": True, "status": "bounced"}))
    assert (row["Email"], row["Newsletter"]) == (ADA, "oui")


def test_json_lines_are_for_programs_and_raw(owner, ada, database):
    database.rows("UPDATE lm_subscribers SET source = '=1+1;\"x\"'")
    answer = owner.post("/exports", {"format": "ndjson"})
    assert answer.content_type == "application/x-ndjson"
    (row,) = [json.loads(line) for line in answer.data.splitlines()]
    assert (row["email"], row["source"], row["newsletter"]) == (ADA, '=1+1;"x"', True)
    assert row["newsletterText"] == NEWSLETTER and row["downloads"] == 1


@pytest.mark.parametrize(
    "source",
    ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "＝1", "＋1",
     "－1", "＠x", "\u200b=1", "\u2060+1", "\ufeff@x", "\u00ad\u200e -2", "\ufe0f＝1", "\u200b\t=1",
     '=HYPERLINK("http://evil.example","x")'],
)  # fmt: skip
def test_nothing_that_a_visitor_wrote_becomes_a_formula(owner, database, source):
    database.rows(
        "INSERT INTO lm_subscribers (email, source, locale, asked_consents)"
        " VALUES ('=cmd@example.org', %s, 'fr', '{}')",
        source,
    )
    (row,) = rows_of(owner.post("/exports", {"everybody": True}))
    assert (row["Email"], row["Source"]) == ("'=cmd@example.org", "'" + source)


@pytest.mark.parametrize("email", ["=1+1@example.org", "+33@example.org", "-a@example.org"])
def test_an_address_like_a_formula_is_one_for_programs_alone(client, owner, email):
    """No address begins with @ or a tab, or is in full width: signing up with one is refused."""
    assert sign_up(client, email).status_code == 202
    for other in ("@a@example.org", "\ta@example.org", "＝1@example.org"):
        assert problem(sign_up(client, other))[0] == 422
    (row,) = rows_of(owner.post("/exports", {"everybody": True}))
    assert row["Email"] == "'" + email
    raw = owner.post("/exports", {"everybody": True, "format": "ndjson"})
    assert json.loads(raw.data)["email"] == email


def test_quotes_and_delimiters_start_no_new_cell(owner, database):
    people(database, 1, source='a";"b,c')
    (row,) = rows_of(owner.post("/exports"))
    assert row["Source"] == 'a";"b,c' and None not in row


def test_the_account_knows_rows_and_hash_before_the_first_byte(owner, database, monkeypatch):
    people(database, 7)
    monkeypatch.setattr(exports, "PAGE", 3)
    answer = owner.open("POST", "/exports", json={"source": "x"}, buffered=False)
    (entry,) = account(database)
    data = answer.data
    digest = hashlib.sha256(data)
    detail = entry["detail"]
    assert (entry["actor"], detail["rows"], detail["source"]) == ("key:ada-laptop", 7, "x")
    assert (detail["sha256"], detail["bytes"]) == (digest.hexdigest(), len(data))
    assert int(answer.headers["Content-Length"]) == len(data)
    quoted = base64.b64encode(digest.digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{quoted}:"
    emails = [row["Email"] for row in rows_of(answer)]
    assert emails == [f"p{n}@example.org" for n in range(1, 8)]
    assert "@" not in json.dumps(detail)


def test_a_client_that_hangs_up_leaves_no_file_open(owner, database, monkeypatch):
    people(database, 2000)
    opened = []
    real = exports.tempfile.TemporaryFile
    monkeypatch.setattr(
        exports.tempfile, "TemporaryFile", lambda: opened.append(real()) or opened[-1]
    )
    answer = owner.open("POST", "/exports", json={}, buffered=False)
    assert next(iter(answer.response))
    answer.close()
    assert [file.closed for file in opened] == [True]
    assert len(account(database)) == 1
    assert len(rows_of(owner.post("/exports"))) == 2000


def test_an_export_that_takes_too_long_is_an_error_and_no_half(owner, database, monkeypatch):
    people(database, 3)
    monkeypatch.setattr(exports, "MOST_SECONDS", -1)
    assert problem(owner.post("/exports")) == (409, "export_too_long")
    assert account(database) == []


def test_a_full_disk_is_a_503_and_not_in_the_account(owner, ada, database, monkeypatch):
    monkeypatch.setattr(exports.tempfile, "TemporaryFile", lambda: open("/dev/full", "wb"))  # noqa: SIM115
    assert problem(owner.post("/exports")) == (503, "export_file_unavailable")
    assert account(database) == []


def test_an_export_without_a_folder_to_write_to_is_a_503(owner, ada, database, monkeypatch):
    monkeypatch.setattr(exports.tempfile, "tempdir", "/nowhere")
    assert problem(owner.post("/exports")) == (503, "export_file_unavailable")
    assert account(database) == []


def test_one_export_runs_at_a_time_wherever_it_runs(owner, database):
    with database.owner.transaction():
        database.rows("SELECT pg_advisory_xact_lock(hashtext('lm_export'))")
        assert problem(owner.post("/exports")) == (409, "export_running")
    assert owner.post("/exports").status_code == 200


def test_memory_does_not_grow_with_the_list(database, services, monkeypatch):
    monkeypatch.setattr(exports, "MOST_SECONDS", 600)

    def peak():
        tracemalloc.start()
        exports.write(services, CALLER, form="csv", delimiter="comma", everybody=False).file.close()
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    people(database, 2000)
    few = peak()
    database.rows("UPDATE lm_subscribers SET source = 'y'")
    database.rows(
        "INSERT INTO lm_subscribers (email, locale, asked_consents, status, confirmed_at,"
        " newsletter) SELECT format('q%s@example.org', n), 'fr', '{}', 'confirmed', now(), true"
        " FROM generate_series(1, 8000) n"
    )
    assert peak() < few + 1_000_000


NO_EXPORTS = [
    {"format": "xlsx"},
    {"delimiter": "|"},
    {"everybody": "yes"},
    {"address": ADA},
    {"prefix": "ad"},
    {"newsletter": True},
    {"limit": 5},
    {"askedFrom": "today"},
]


def test_an_export_of_nonsense_is_refused(owner, database, subtests):
    for body in NO_EXPORTS:
        with subtests.test(str(body)):
            assert problem(owner.post("/exports", body))[0] == 422
            assert account(database) == []


def test_a_viewer_exports_nothing(viewer, ada):
    answer = viewer.post("/exports")
    assert problem(answer) == (403, "role_missing")
    assert ADA.encode() not in answer.data


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_copy_is_known_again(owner, database, leadmagnet, services: Services, form):
    people(database, 5)
    data = owner.post("/exports", {"format": form}).data
    said = lambda data: exports.verify(services, io.BytesIO(data))
    whole, sentence = said(data)
    assert whole and sentence.startswith("complete: 5 rows, exported by key:ada-laptop at 20")
    lines = data.splitlines(keepends=True)
    eve = data.replace(b"p3@example", b"eve@example")
    for cut in (data[:-5], b"".join(lines[:-1]), b"".join(eve.splitlines(keepends=True)[:-1])):
        whole, sentence = said(cut)
        # Only the digest of the whole file is known: it says nothing of the rows that are left.
        assert not whole and sentence.startswith("truncated: 4 of 5 rows, altered or not, exported")
    whole, sentence = said(eve)
    assert not whole and sentence.startswith("altered: ") and "key:ada-laptop" in sentence
    for other in (b"", b"x", b"\0" * 100_000, data.replace(b"lm-", b"ml-")):
        assert said(other)[1].startswith("unknown: ")


def test_the_command_tells_how_far_it_is_in_a_large_file(leadmagnet, tmp_path, monkeypatch):
    monkeypatch.setattr(printing, "PROGRESS_SECONDS", 0)
    file = tmp_path / "list.csv"
    file.write_text("one\ntwo\n", encoding="utf-8")
    assert "… 2 lines read\n" in leadmagnet("exports", "verify", str(file)).stderr


def test_an_empty_export_is_known_too_and_the_command_says_so(owner, leadmagnet, tmp_path):
    file = tmp_path / "list.csv"
    file.write_bytes(owner.post("/exports").data)
    verified = leadmagnet("exports", "verify", str(file))
    assert (verified.returncode, verified.stdout[:17]) == (0, "complete: 0 rows,"), verified.stderr
    file.write_bytes(b"something else")
    refused = leadmagnet("exports", "verify", str(file))
    assert refused.returncode == 1 and refused.stderr.startswith("Error: unknown: ")
