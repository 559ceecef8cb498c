"""The AWS side in one process: S3 and SNS by moto, SES v2 and its mailbox by ours."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from threading import Thread

import boto3
import click
from flask import Flask
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from leadmagnet.dev.mailbox import create_mailbox
from leadmagnet.server.ports import refusal

GUIDE = Path(__file__).with_name("guide.pdf")
GUIDE_KEY = "guides/guide-mariee-sereine.pdf"
TOPIC = "leadmagnet-ses-events"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--s3-port", type=int, help="Serve S3 and SNS on this port.")
@click.option("--mailbox-port", type=int, help="Serve SES v2 and the mailbox on this port.")
@click.option("--mailbox-file", type=click.Path(path_type=Path), help="Keep the mails here.")
@click.option("--mailbox-name", multiple=True, help="A host name it answers to besides localhost.")
@click.option("--bucket", envvar="S3_BUCKET", required=True, help="Also by S3_BUCKET.")
@click.option("--region", envvar="AWS_DEFAULT_REGION", default="eu-west-3", show_default=True)
def main(
    host: str,
    s3_port: int | None,
    mailbox_port: int | None,
    mailbox_file: Path | None,
    mailbox_name: tuple[str, ...],
    bucket: str,
    region: str,
) -> None:
    """Serve the emulated AWS services; `ready` on the standard output says when."""
    signals = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread exists, so that every thread leaves them to the wait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for port in (s3_port, mailbox_port):
        # werkzeug would end its own thread only, and leave us waiting for it.
        if port and (reason := refusal(host, port)):
            raise click.ClickException(f"port {port}: {reason}")
    if mailbox_port:
        _serve_mailbox(host, mailbox_port, create_mailbox(mailbox_file, names=mailbox_name))
    if s3_port:
        ThreadedMotoServer(host, s3_port, verbose=False).start()
        _furnish(f"http://{host}:{s3_port}", bucket, region)
    click.echo("ready")
    # Both serve from daemon threads and keep nothing: returning is a clean end.
    signal.sigwait(signals)


def _serve_mailbox(host: str, port: int, mailbox: Flask) -> None:
    server = make_server(host, port, mailbox, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()


def _furnish(endpoint: str, bucket: str, region: str) -> None:
    """Make the private bucket with the guide in it, and the topic."""
    session = boto3.Session("testing", "testing", region_name=region)
    s3 = session.client("s3", endpoint_url=endpoint)
    # S3 refuses the name of its first region where it wants that of any other.
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else place))
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    versioned = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioned)
    s3.put_object(
        Bucket=bucket, Key=GUIDE_KEY, Body=GUIDE.read_bytes(), ContentType="application/pdf"
    )
    session.client("sns", endpoint_url=endpoint).create_topic(Name=TOPIC)


if __name__ == "__main__":
    main()
