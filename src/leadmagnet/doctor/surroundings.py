"""What the checks look at when they are made for real: this process, its network, its settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from leadmagnet.adapters.inspection import Inspection
from leadmagnet.adapters.names import Names
from leadmagnet.adapters.pages import Pages
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.config import (
    ConfigError,
    FromEnvironment,
    MigrationConfig,
    environment,
    misspelt,
)
from leadmagnet.doctor.findings import Surroundings
from leadmagnet.services import Services

Settings = TypeVar("Settings", bound=FromEnvironment)


def surroundings_of(services: Services) -> Surroundings:
    return Surroundings(
        services=services,
        # What is wrong with them is said by `serve`, which does not start.
        admin=_loaded(AdminConfig) or AdminConfig(),
        migration=_loaded(MigrationConfig),
        misspelt=misspelt(environment()),
        aws=Inspection.of_environment(),
        names=Names(),
        pages=Pages(),
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        env_file=Path(".env"),
    )


def _loaded(kind: type[Settings]) -> Settings | None:
    try:
        return kind.load()
    except ConfigError:
        return None
