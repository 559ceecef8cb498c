"""The application as a server loads it. A missing setting stops the start and names itself."""

from __future__ import annotations

from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.services import Services
from leadmagnet.telemetry import logs, sentry

config = Config.load()
logs.configure(config.log_level)
sentry.start(config.sentry_dsn)
# Most threads wait at any moment, for a client or for the beat: they need no connection meanwhile.
app = create_app(Services.from_config(config, connections=min(config.web_threads, 8)))
