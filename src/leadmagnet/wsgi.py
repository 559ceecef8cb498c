"""The application as a server loads it. A missing setting stops the start and names itself."""

from __future__ import annotations

from leadmagnet.admin.access import admin_of
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.services import Services
from leadmagnet.telemetry import logs, sentry

config = Config.load()
logs.configure(config.log_level)
sentry.start(config.sentry_dsn)
# Most threads wait at any moment for a client: they need no connection meanwhile.
threads = config.web_threads
services = Services.from_config(
    config,
    connections=min(threads, 8),
    # The other threads answer, and be it by a 503, while these wait for a database that stands.
    waiting=max(1, threads * 3 // 4),
)
services.files.prepare()
app = create_app(services, admin_of(services, AdminConfig.load()))
