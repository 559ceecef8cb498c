"""The contract against whatever the fuzzer thinks of: no surprise, no undocumented answer.

Short and always the same here; `make fuzz` is long and real.
"""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, settings
from werkzeug.datastructures import Headers

from leadmagnet.database import Database
from leadmagnet.services import Services
from tests.support.admin import admin_client
from tests.support.contract import assert_documented
from tests.support.services import NO_CERTIFICATES, configured


@pytest.fixture
def application(database, files):
    config = configured(database)
    pool = Database(config.database_url, size=2)
    pool.open()
    with admin_client(Services(config, pool, files, NO_CERTIFICATES)) as client:
        yield client.application
    pool.close()


@pytest.mark.long
def test_every_answer_is_one_the_contract_knows(application, subtests):
    # Imported by the one process that runs this test: that takes two seconds.
    import schemathesis
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    # A JSON schema cannot say that an address is deliverable or a text printable: valid to the
    # schema, it may still be a 422, which is documented.
    not_the_schemas = [positive_data_acceptance]
    schema = schemathesis.openapi.from_wsgi("/openapi.yaml", application)
    feedback = FeedbackSources()

    def check(case):
        response = case.call_and_validate(excluded_checks=not_the_schemas)
        if response.status_code >= 400:
            request = SimpleNamespace(
                method=response.request.method, path=unquote(urlsplit(response.request.url).path)
            )
            answer = SimpleNamespace(
                status_code=response.status_code,
                json=response.json(),
                headers=Headers([(name, each) for name, (each, *_) in response.headers.items()]),
                request=request,
            )
            assert_documented(application, answer)

    for each in schema.get_all_operations():
        operation = each.ok()
        with subtests.test(operation.label):
            build_operation_test(
                config=schema.config,
                operation=operation,
                test_func=check,
                given_kwargs={},
                feedback=feedback,
                explicit_settings=settings(
                    max_examples=10,
                    derandomize=True,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )()
