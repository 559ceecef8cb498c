"""The routes: each translates HTTP and calls one use case."""
