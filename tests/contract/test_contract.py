"""openapi.yaml is what the code says, complete and valid; the explorer needs no other host."""

from __future__ import annotations

import re

import pytest
import yaml

from leadmagnet.app import create_app
from leadmagnet.routes import docs
from leadmagnet.web import openapi
from leadmagnet.web.mail_causes import REASONS, explained
from leadmagnet.web.messages import ACCEPTED, LOCALES, PRIVACY_ASKED, PROBLEMS, RENEWED
from tests.support.contract import assert_documented, codes_of
from tests.support.paths import path_of
from tests.support.schemas import assert_valid
from tests.support.settings import API, SETTINGS

SPEC = openapi.document(create_app(None))
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]


def test_the_committed_document_is_what_the_code_says():
    written = path_of("openapi.yaml").read_text(encoding="utf-8")
    assert written == openapi.as_yaml(create_app(None)), "out of date: make openapi"


def test_it_is_valid_and_in_the_order_a_person_reads():
    # Two seconds to import, for one test.
    from openapi_spec_validator import validate

    validate(SPEC)
    assert SPEC["openapi"] == "3.1.0"
    assert list(SPEC) == [
        "openapi",
        "info",
        "servers",
        "security",
        "tags",
        "paths",
        "webhooks",
        "components",
    ]


def test_accents_are_written_as_themselves():
    text = path_of("openapi.yaml").read_text(encoding="utf-8")
    assert "Guide de la Mariée Sereine" in text
    assert "\\x" not in text
    assert "\\u" not in text


def resolved(value):
    *_, kind, name = value.get("$ref", "//").split("/")
    return SPEC["components"][kind][name] if name else value


def is_shown(media):
    """By an example, or by a schema that leaves nothing to choose."""
    schema = resolved(media["schema"])
    return (
        "example" in media
        or "example" in schema
        or "contentMediaType" in schema
        or all("enum" in each for each in schema["properties"].values())
    )


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_has_examples_and_lists_its_problems(path, method, operation):
    assert operation["summary"]
    assert all(
        map(is_shown, resolved(operation.get("requestBody", {})).get("content", {}).values())
    )
    if "security" not in operation:
        success = next(each for status, each in operation["responses"].items() if status[0] == "2")
        assert all(map(is_shown, resolved(success)["content"].values()))
    assert "default" in operation["responses"]
    for status, response in operation["responses"].items():
        if status[0] in "45":
            assert codes_of(response["description"])
            media = resolved(response)["content"]["application/problem+json"]
            for code, example in media["examples"].items():
                assert example["value"]["status"] == int(status)
                assert example["value"]["code"] == code


def test_every_example_is_what_its_schema_says():
    bodies = [
        media
        for _, _, operation in (each.values for each in OPERATIONS)
        for each in (operation.get("requestBody", {}), *operation["responses"].values())
        for media in resolved(each).get("content", {}).values()
    ]
    for media in bodies + [
        {"schema": schema, "example": schema["example"]}
        for schema in SPEC["components"]["schemas"].values()
        if "example" in schema
    ]:
        if "example" in media:
            rules = {**media["schema"], "components": SPEC["components"]}
            assert_valid(media["example"], rules)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_names_its_problems_and_leaves_their_shape_to_the_components(
    path, method, operation
):
    for status, response in operation["responses"].items():
        if status[0] not in "23":
            assert response["$ref"].startswith("#/components/responses/")


def test_every_code_is_one_that_some_operation_names_or_any_may_answer():
    shared = SPEC["components"]["responses"]
    named = codes_of(shared["problem"]["description"], shared["admin-problem"]["description"])
    for _, _, operation in (each.values for each in OPERATIONS):
        named |= codes_of(
            *(each.get("description", "") for each in operation["responses"].values())
        )
    assert named == set(PROBLEMS)


def test_no_answer_of_the_tests_is_one_that_the_contract_does_not_know(client):
    answer = client.get(f"{API}/confirm/{'x' * 43}")
    assert_documented(client.application, answer)
    answer.data = answer.data.replace(b"token_unknown", b"token_used_up")
    with pytest.raises(AssertionError, match="token_used_up"):
        assert_documented(client.application, answer)


def test_every_code_has_a_sentence_in_each_language_that_says_what_to_do():
    for code, sentences in PROBLEMS.items():
        assert re.fullmatch("[a-z_]+", code)
        assert set(sentences) == set(LOCALES)
        for sentence in sentences.values():
            assert sentence.endswith(".")
            assert sentence.count(".") + sentence.count(":") >= 2 or code in (
                "email_unsupported", "locale_unknown", "token_invalid", "media_type_unsupported",
            )  # fmt: skip


def test_french_sentences_are_set_in_french_typography():
    sentences = [each["fr"] for each in (*PROBLEMS.values(), ACCEPTED, RENEWED, PRIVACY_ASKED)]
    sentences += [
        said for reason in (*REASONS, "other") for said in explained(reason, "fr").values() if said
    ]
    for sentence in sentences:
        assert not re.search(r" [:;?!»]|« |'", sentence), sentence


def test_the_document_is_served(services):
    answer = create_app(services).test_client().get("/openapi.yaml")
    assert answer.content_type == "application/yaml"
    served = yaml.load(answer.text, yaml.CSafeLoader)
    assert served["paths"].keys() == SPEC["paths"].keys()
    assert served["info"]["contact"] == {
        "name": SETTINGS["STUDIO_NAME"],
        "url": SETTINGS["SITE_URL"],
    }
    of_nobody = openapi.document(create_app(None))["info"]["contact"]
    assert of_nobody == {"name": "The studio"}


def test_the_explorer_asks_no_other_host_and_needs_no_inline_code(client):
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/docs/")
        assert client.get(address).status_code == 200
    assert not re.search(r"<script>|<style|onload=|style=", page.text)


def test_the_explorer_takes_its_dark_look_where_the_reader_prefers_one(client):
    script = client.get("/docs/explorer.js").text
    assert 'matchMedia("(prefers-color-scheme: dark)")' in script
    (name,) = re.findall(r'classList.toggle\("([\w-]+)"', script)
    assert f"html.{name}{{" in client.get("/docs/assets/swagger-ui.css").text


def test_every_asset_is_served_by_its_type_and_nothing_else_is(client):
    for name, content_type in docs.ASSETS.items():
        assert client.get(f"/docs/assets/{name}").content_type.startswith(content_type)
    for name in ("index.html", "../index.html", "%2e%2e%2findex.html", "nothing.js"):
        assert client.get(f"/docs/assets/{name}").status_code == 404


def test_health_is_the_process_and_readiness_is_the_database(client, database):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}
    database.rows("ALTER TABLE lm_download_tokens RENAME COLUMN token_hash TO other")
    assert client.get(f"{API}/confirm/{'x' * 43}").status_code == 503
    assert client.get("/readyz").json["code"] == "not_migrated"
    assert client.get("/healthz").status_code == 200
    assert client.get(f"{API}/magnets/guide-mariee-sereine").status_code == 200
