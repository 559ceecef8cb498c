"""gunicorn's settings, from ours. Access lines are written by the application, without paths."""

from __future__ import annotations

from typing import Any

from leadmagnet.config import Config
from leadmagnet.telemetry import metrics_folder

_config = Config.load()

_host = f"[{_config.host}]" if ":" in _config.host else _config.host
bind = f"{_host}:{_config.port}"
worker_class = "leadmagnet.server.gunicorn_worker.Worker"
workers = _config.web_workers
threads = _config.web_threads
# The application is loaded once and its memory shared; connections are opened after the fork.
preload_app = True
wsgi_app = "leadmagnet.wsgi:app"
accesslog = None
errorlog = "-"
loglevel = "warning"
keepalive = 65
graceful_timeout = 10
timeout = 30
limit_request_line = 2048
limit_request_fields = 60
# Who stands in front of us is TRUSTED_PROXIES' business; gunicorn itself trusts no proxy, not even
# on loopback, where any process may run one.
forwarded_allow_ips = ""
forwarder_headers = ""
# A control socket would be shared by all instances of one user, and fails on a read-only disk.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    for database in _databases(worker):
        database.open()
    if _config.trusted_proxies == 0:
        worker.share_among_clients()


def on_exit(server: Any) -> None:
    metrics_folder.remove(server.pid)


def worker_exit(server: Any, worker: Any) -> None:
    for database in _databases(worker):
        database.close()


def _databases(worker: Any) -> list[Any]:
    extensions = worker.app.callable.extensions
    admin = extensions.get("leadmagnet_admin")
    return [extensions["leadmagnet"].database, *([admin.services.database] if admin else [])]
