# Two images: `runtime` serves, works and migrates; `dev` is the AWS emulator of docker-compose.yml
# and loads its demo magnet.

FROM python:3.13-slim-trixie AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH
# A fixed number, so that a host or an orchestrator can name the user too.
RUN useradd --uid 10001 --user-group --shell /usr/sbin/nologin leadmagnet

# The locked tools include the build backend: the wheel is built from hashed packages only.
FROM base AS tools
COPY requirements-dev.txt .
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir \
        --require-hashes --only-binary :all: -r requirements-dev.txt

FROM tools AS wheel
WORKDIR /build
COPY pyproject.toml README.md ./
COPY src src
COPY sql sql
RUN python -m hatchling build -t wheel

# From the source: the wheel leaves leadmagnet.dev out.
FROM tools AS dev
COPY src /opt/leadmagnet/src
COPY sql /opt/leadmagnet/sql
ENV PYTHONPATH=/opt/leadmagnet/src
USER 10001:10001
EXPOSE 5000 8025
CMD ["python", "-m", "leadmagnet.dev.aws", "--host", "0.0.0.0", "--s3-port", "5000", "--mailbox-port", "8025", "--mailbox-name", "aws"]

FROM base AS packages
COPY requirements.txt .
RUN mkdir /var/lib/leadmagnet
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir \
        --require-hashes --only-binary :all: -r requirements.txt
RUN --mount=from=wheel,source=/build/dist,target=/dist \
    pip --python /opt/venv/bin/python install --no-cache-dir --no-deps /dist/*.whl

FROM base AS runtime
COPY --from=packages /opt/venv /opt/venv
# For LEDGER_HEAD_FILE: a volume mounted here gets this owner.
COPY --from=packages --chown=10001:10001 /var/lib/leadmagnet /var/lib/leadmagnet
USER 10001:10001
# Inside a container, loopback would be out of the proxy's reach.
ENV HOST=0.0.0.0
EXPOSE 8000
# The process, not the database: a restart would not bring that back. For traffic, ask /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=1s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/healthz\", timeout=2)"]
# SIGTERM, Docker's default, is what gunicorn and the worker finish their work on.
CMD ["leadmagnet", "serve"]
