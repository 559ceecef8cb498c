"""The contract against whatever the fuzzer thinks of: no surprise, no undocumented answer.

Short and always the same here; `make fuzz` is long and real.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from leadmagnet.app import create_app
from leadmagnet.database import Database
from leadmagnet.services import Services
from tests.support.admin import admin_client
from tests.support.database import fresh_database
from tests.support.services import NO_CERTIFICATES, configured


class Stand:
    """The application under test, which describes itself before it has a database."""

    app = create_app(None)

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


# A JSON schema cannot say that an address is deliverable or a text printable: valid to the schema,
# it may still be a 422, which is documented.
NOT_THE_SCHEMAS = [positive_data_acceptance]
stand = Stand()
schema = schemathesis.openapi.from_wsgi("/openapi.yaml", stand)


@pytest.fixture(scope="module", autouse=True)
def application(server, files):
    with fresh_database(server) as database:
        config = configured(database)
        pool = Database(config.database_url, size=2)
        pool.open()
        with admin_client(Services(config, pool, files, NO_CERTIFICATES)) as client:
            stand.app = client.application
            yield
        pool.close()


@schema.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_the_contract_knows(case):
    case.call_and_validate(excluded_checks=NOT_THE_SCHEMAS)
