"""The product's WSGI application for a server that has no hook after the fork: granian imports it
in each worker."""

from leadmagnet.wsgi import app

app.extensions["leadmagnet"].database.open()
