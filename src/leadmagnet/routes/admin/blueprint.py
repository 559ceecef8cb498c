"""The blueprint that all admin routes hang on, with its guard."""

from leadmagnet.web.guard import AdminBlueprint

blp = AdminBlueprint()
WHEN = "2026-11-22T10:15:00+00:00"
SUBSCRIBER = "9b2f6c1e-3f0a-4d58-9a53-5b6c7d8e9f01"
