"""What the studio's owner changes of the offer: magnets and consent texts, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.support.client import problem, sign_up
from tests.support.settings import API, DELIVERY, NEWSLETTER

SLUG = "guide-mariee-sereine"
NEW = {
    "slug": "guide-bebe",
    "title": {"fr": "Guide de la naissance", "en": "The newborn guide"},
    "description": {"fr": "Une heure, un bébé.", "en": "An hour, a baby."},
    "fileName": "Guide.pdf",
}
TEXT = {
    "magnet": SLUG,
    "purpose": "delivery",
    "locale": "fr",
    # With the space that French sets before a semicolon.
    "text": "J’accepte de recevoir ce guide\u202f; je peux tout faire effacer.",
    "policyVersion": "2027-01",
    "policyUrl": "https://www.light-and-shutter.example/confidentialite",
    "replaces": DELIVERY,
}


def change(owner, body, *, etag='"1"', slug=SLUG):
    headers = {} if etag is None else {"If-Match": etag}
    return owner.open("PATCH", f"/magnets/{slug}", json=body, headers=headers)


def held(database, *without):
    # The day of a key's use is written at the first call.
    return database.checksum(without=frozenset(("lm_admin_keys", *without)))


def acts(database):
    rows = database.rows("SELECT action, detail FROM lm_audit WHERE outcome = 'done' ORDER BY id")
    assert {row["action"] for row in rows} <= {"magnets:manage"}
    return [row["detail"] for row in rows]


def test_the_owner_sees_what_is_offered_with_its_file(owner, viewer, database):
    (magnet,) = owner.get("/magnets").json["items"]
    assert (magnet["slug"], magnet["state"], magnet["texts"]) == (SLUG, "offered", 4)
    assert set(magnet["title"]) == {"fr", "en"}
    (file,) = magnet["files"]
    assert file["current"]
    assert file["sha256"] == database.value("SELECT encode(sha256, 'hex') FROM lm_magnet_files")
    one = viewer.get(f"/magnets/{SLUG}")
    assert one.headers["ETag"] == '"1"'
    assert one.json == magnet


def test_a_new_magnet_is_a_draft_that_no_visitor_sees(owner, client, database):
    made = owner.post("/magnets", NEW)
    assert (made.status_code, made.headers["ETag"], made.json["state"]) == (201, '"1"', "draft")
    assert problem(owner.post("/magnets", NEW)) == (409, "magnet_exists")
    text = owner.post("/texts", {**TEXT, "magnet": "guide-bebe", "replaces": None}).json["id"]
    assert problem(client.get(f"{API}/magnets/guide-bebe")) == (404, "magnet_unknown")
    assert [one["slug"] for one in client.get(f"{API}/magnets").json["magnets"]] == [SLUG]
    refused = sign_up(client, consents=[text], magnet="guide-bebe")
    assert problem(refused) == (422, "magnet_unknown")
    assert problem(sign_up(client, consents=[text])) == (422, "consent_unknown")
    assert acts(database) == [
        {"act": "add", "magnet": "guide-bebe"},
        {"act": "add_text", "magnet": "guide-bebe", "text": text, "replaced": None},
    ]


def test_a_change_shows_on_the_page_and_in_the_audit(owner, client, database):
    title = {"fr": "Le guide", "en": "The guide"}
    changed = change(owner, {"title": title, "fileName": "Le guide.pdf"})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    page = client.get(f"{API}/magnets/{SLUG}?locale=fr").json
    assert (page["title"], page["fileName"]) == ("Le guide", "Le guide.pdf")
    assert page["description"].startswith("Douze mois")
    assert acts(database) == [{"act": "change", "magnet": SLUG, "fields": ["file_name", "title"]}]


def test_who_has_not_seen_the_latest_version_changes_nothing(owner, database):
    body = {"fileName": "Neu.pdf"}
    assert problem(change(owner, body, etag=None)) == (428, "version_missing")
    assert change(owner, body).status_code == 200
    before = held(database)
    for stale in ('"1"', '"99999999999999999999"', 'W/"2"', "1", '""', "x"):
        assert problem(change(owner, body, etag=stale)) == (412, "changed_meanwhile"), stale
    assert held(database) == before
    assert change(owner, body, etag='"7", "2"').headers["ETag"] == '"3"'
    assert change(owner, body, etag="*").headers["ETag"] == '"4"'


def test_of_two_who_change_a_magnet_at_once_one_wins(owner):
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: change(owner, {"fileName": name}), ("a.pdf", "b.pdf")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (won,) = [answer.json["fileName"] for answer in answers if answer.status_code == 200]
    assert owner.get(f"/magnets/{SLUG}").json["fileName"] == won


def test_a_retired_magnet_is_seen_and_changed_no_more(owner, client, database):
    assert owner.post(f"/magnets/{SLUG}/retire").status_code == 200
    assert problem(client.get(f"{API}/magnets/{SLUG}")) == (404, "magnet_unknown")
    assert owner.get(f"/magnets/{SLUG}").json["state"] == "retired"
    before = held(database)
    assert problem(owner.post(f"/magnets/{SLUG}/retire")) == (409, "magnet_retired")
    assert problem(change(owner, {"fileName": "a.pdf"}, etag='"2"')) == (409, "magnet_retired")
    assert problem(owner.post("/texts", TEXT)) == (404, "magnet_unknown")
    assert held(database) == before


def test_a_corrected_text_takes_the_place_of_the_former(owner, client, database):
    added = owner.post("/texts", TEXT)
    assert (added.status_code, added.json["replaced"]) == (201, DELIVERY)
    page = client.get(f"{API}/magnets/{SLUG}?locale=fr").json["consentTexts"]
    assert TEXT["text"] in [text["text"] for text in page]
    texts = {one["id"]: one for one in owner.get(f"/texts?magnet={SLUG}").json["items"]}
    assert len(texts) == 5
    assert texts[DELIVERY]["retiredAt"] and texts[added.json["id"]]["retiredAt"] is None
    assert owner.post(f"/texts/{added.json['id']}/retire").status_code == 200
    assert owner.get("/texts?magnet=nothing").json["items"] == []
    assert [(act["act"], act["magnet"]) for act in acts(database)] == [
        ("add_text", SLUG),
        ("retire_text", SLUG),
    ]


@pytest.mark.parametrize("replaces", [DELIVERY, None])
def test_of_two_corrections_at_once_one_is_told_to_look_first(owner, database, replaces):
    if replaces is None:
        database.rows("UPDATE lm_consent_texts SET retired_at = now()")
    words = [f"Correction {number}" for number in range(4)]
    before = database.value("SELECT count(*) FROM lm_consent_texts")

    def add(text):
        return owner.post("/texts", TEXT | {"text": text, "replaces": replaces})

    with ThreadPoolExecutor(len(words)) as pool:
        answers = list(pool.map(add, words))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {problem(one)[1] for one in answers if one.status_code == 409} == {"changed_meanwhile"}
    (won,) = [text for text, one in zip(words, answers, strict=True) if one.status_code == 201]
    current = "purpose = 'delivery' AND locale = 'fr' AND retired_at IS NULL"
    assert database.value(f"SELECT text FROM lm_consent_texts WHERE {current}") == won
    assert database.value("SELECT count(*) FROM lm_consent_texts") == before + 1
    assert [act["act"] for act in acts(database)] == ["add_text"]
    # Who has looked corrects it once more.
    (added,) = [one.json["id"] for one in answers if one.status_code == 201]
    again = owner.post("/texts", TEXT | {"text": "Mieux.", "replaces": added})
    assert again.json["replaced"] == added
    twice = owner.post("/texts", TEXT | {"text": "Mieux.", "replaces": again.json["id"]})
    assert problem(twice) == (409, "text_current")


def test_a_viewer_changes_nothing(viewer, database):
    before = held(database, "lm_audit")
    for answer in (
        viewer.post("/magnets", NEW),
        change(viewer, {"fileName": "a.pdf"}),
        viewer.post(f"/magnets/{SLUG}/retire"),
        viewer.post("/texts", TEXT),
        viewer.post(f"/texts/{DELIVERY}/retire"),
    ):
        assert problem(answer) == (403, "role_missing")
    assert held(database, "lm_audit") == before


LONG = "x" * 10_000
BAD_LOCALES = ({}, [], {"fr": "a"}, *({"fr": "a", "en": en} for en in ("", "b\u202e", LONG)))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"slug": slug} for slug in ("", "A", "a--b", "-", "a b", "é", "a" * 61, LONG, 1, None)),
        *({"title": title} for title in BAD_LOCALES),
        *({"description": text} for text in BAD_LOCALES),
        *({"fileName": name} for name in ("", " ", "a/b", "a\\b", "a\nb", "a\0", LONG, 1, None)),
    ],
)
def test_a_magnet_that_no_page_could_show_is_refused(owner, database, wrong):
    before = held(database)
    assert problem(owner.post("/magnets", NEW | wrong)) == (422, "field_invalid")
    if "slug" not in wrong:
        assert problem(change(owner, wrong)) == (422, "field_invalid")
    assert held(database) == before


def test_a_change_of_nothing_or_of_the_slug_is_refused(owner, database):
    before = held(database)
    assert problem(change(owner, {})) == (422, "field_invalid")
    assert problem(change(owner, {"slug": "other"})) == (422, "field_unknown")
    assert problem(change(owner, {"fileName": "a"}, slug="nothing")) == (404, "magnet_unknown")
    assert problem(owner.get("/magnets/nothing")) == (404, "magnet_unknown")
    assert problem(owner.post("/magnets/nothing/retire")) == (404, "magnet_unknown")
    assert held(database) == before


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        *(({"text": text}, (422, "field_invalid")) for text in ("", " ", "a\nb", "a\0", LONG, 1)),
        ({"purpose": "sale"}, (422, "field_invalid")),
        ({"locale": "de"}, (422, "field_invalid")),
        ({"policyVersion": ""}, (422, "field_invalid")),
        ({"policyUrl": "javascript:x"}, (422, "field_invalid")),
        ({"policyUrl": "https://a b"}, (422, "field_invalid")),
        ({"replaces": ""}, (422, "field_invalid")),
        ({"replaces": 1}, (422, "field_invalid")),
        ({"replaces": None}, (409, "changed_meanwhile")),
        ({"replaces": NEWSLETTER}, (409, "changed_meanwhile")),
        ({"magnet": "nothing"}, (404, "magnet_unknown")),
        ({"magnet": LONG}, (422, "field_invalid")),
    ],
)
def test_a_text_that_no_page_could_show_is_refused(owner, database, wrong, expected):
    before = held(database)
    assert problem(owner.post("/texts", TEXT | wrong)) == expected
    assert held(database) == before


@pytest.mark.parametrize("text_id", ["nothing", "a%00b", "x" * 1000, "'; DROP TABLE lm_magnets"])
def test_an_unknown_text_is_a_404(owner, database, text_id):
    before = held(database)
    assert problem(owner.post(f"/texts/{text_id}/retire")) == (404, "text_unknown")
    assert held(database) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lm_magnets SET slug = 'other'",
        "UPDATE lm_magnets SET created_at = now()",
        "DELETE FROM lm_magnets",
        "UPDATE lm_consent_texts SET text = 'Tout.'",
        "UPDATE lm_consent_texts SET retired_at = NULL",
        "DELETE FROM lm_consent_texts",
        "UPDATE lm_magnet_files SET sha256 = sha256('')",
        "DELETE FROM lm_magnet_files",
    ],
)
def test_the_application_cannot_rewrite_what_people_agreed_to_or_got(database, statement):
    with psycopg.connect(database.url) as app, pytest.raises(psycopg.Error):
        app.execute("UPDATE lm_consent_texts SET retired_at = now()")
        app.execute(statement)
