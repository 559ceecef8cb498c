"""A consumer of the webhooks: knows who is confirmed, and forgets who is erased.

pip install standardwebhooks
WEBHOOK_SECRET=whsec_… python webhook_consumer.py people.sqlite3 8000
"""

import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

FILE, PORT = sys.argv[1], int(sys.argv[2])
TABLE = "CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, status TEXT, at TEXT, email TEXT)"
# An event may come twice, or after a later one: only a newer one counts, and an erasure is final.
KEEP = """
INSERT INTO people VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, at = excluded.at, email = excluded.email
WHERE excluded.status = 'erased' OR people.status <> 'erased' AND people.at <= excluded.at
"""
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


class Consumer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            event = webhook.verify(body, dict(self.headers))
        except Exception:
            return self.answer(400)
        person = event["data"]
        if "subscriberId" in person:  # not in a ping
            status = "erased" if event["type"] == "subscriber.erased" else person["status"]
            row = (person["subscriberId"], status, event["timestamp"], person.get("email"))
            with sqlite3.connect(FILE) as database:
                database.execute("PRAGMA secure_delete = ON")  # or the bytes stay in the file
                database.execute(KEEP, row)
        self.answer(204)  # only now: what was not answered with 2xx is sent again

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


with sqlite3.connect(FILE) as database:
    database.execute(TABLE)
ThreadingHTTPServer(("127.0.0.1", PORT), Consumer).serve_forever()
