"""What it is compared with: the same two statements behind FastAPI, asyncpg and uvicorn.

A fixture, not a product: validated bodies, one statement, an answer; no logs, headers, problems
or languages; limits are the statement's. The S3 URL is signed as anybody would, by boto3.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import boto3
from botocore.config import Config
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, EmailStr, Field

from leadmagnet import database as db
from leadmagnet.config import Config as Settings
from leadmagnet.errors import TooManySignups
from leadmagnet.funnel import limits
from leadmagnet.services import WAKE_SECONDS, NowAndThen
from tests.bench import signup_at_once

settings = Settings.load()
wake_worker = NowAndThen(WAKE_SECONDS)
# Which signup: the product's, which keeps the request, or the one that decides at once.
AT_ONCE = "at_once"
CONSTANTS = {
    "cool_down": timedelta(minutes=5),
    "text_grace": timedelta(hours=24),
    "url_life": timedelta(minutes=15),
    "max_uses": 100,
}


class Statement:
    """A statement of the product's, with its parameters by name."""

    def __init__(self, name: str, **constants: object) -> None:
        text, order, _ = db.queries()[name] if name != AT_ONCE else (*signup_at_once.query(), None)
        self.text, self.order = text, order
        self.constants = CONSTANTS | constants

    async def row(self, **parameters: object) -> asyncpg.Record:
        values = self.constants | parameters
        async with app.state.pool.acquire() as conn:
            return await conn.fetchrow(self.text, *(values[name] for name in self.order))


class Signup(BaseModel):
    email: EmailStr
    consents: list[str] = Field(min_length=1, max_length=10)
    magnet: str | None = Field(None, max_length=200)
    locale: str | None = Field(None, pattern="^(fr|en)$")
    source: str | None = Field(None, max_length=200)


class Accepted(BaseModel):
    status: str
    message: str


class Press(BaseModel):
    token: str = Field(min_length=1, max_length=500)


class Confirmation(BaseModel):
    status: str
    downloadUrl: str
    expiresAt: str
    fileName: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=4, max_size=10) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)
at_once = os.environ.get("SIGNUP") == AT_ONCE
sign_up_statement = Statement(AT_ONCE if at_once else "request_sign_up")
confirm_statement = Statement("subscriber_confirm")
s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@app.post("/api/lead-magnet/signup", status_code=202)
async def sign_up(body: Signup, request: Request) -> Accepted:
    ip = request.client.host
    if at_once:
        given = signup_at_once.parameters(settings, email=body.email, ip=ip)
    else:
        counted = limits.of_network(settings, TooManySignups, ip=ip)
        given = {
            **counted,
            "network_key": counted["network_keys"][-1],
            "discard": False,
            "notify": wake_worker(),
            "ip": ip,
        }
    agent = request.headers.get("User-Agent")
    row = await sign_up_statement.row(**body.model_dump(), **given, user_agent=agent)
    if not row["network_allowed" if at_once else "accepted"]:
        raise HTTPException(429)
    if not (row["magnet_known"] and row["texts_known"] and row["delivery_agreed"]):
        raise HTTPException(422)
    return Accepted(status="accepted", message="Un message vient de partir vers votre adresse.")


@app.post("/api/lead-magnet/confirm")
async def confirm(body: Press, request: Request) -> Confirmation:
    row = await confirm_statement.row(
        token_hash=hashlib.sha256(body.token.encode()).digest(),
        ip=request.client.host,
        user_agent=request.headers.get("User-Agent"),
    )
    if row is None or row["outcome"] not in ("confirmed", "already_confirmed"):
        raise HTTPException(404)
    url = s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": os.environ["S3_BUCKET"],
            "Key": row["s3_key"],
            "ResponseContentDisposition": f'attachment; filename="{row["slug"]}.pdf"',
        },
        ExpiresIn=900,
    )
    return Confirmation(
        status=row["outcome"],
        downloadUrl=url,
        expiresAt=row["expires_at"].isoformat(),
        fileName=row["file_name"],
    )
