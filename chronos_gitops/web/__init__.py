"""The page: rendered on the server, readable without JavaScript. ``create_app`` is the API with the page on top."""

from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import StrictUndefined

from chronos_gitops import api
from chronos_gitops.timing.schedule import Schedule
from chronos_gitops.web import docs, login, pages

if TYPE_CHECKING:
    from chronos_gitops.service import Service


def create_app(service: "Service") -> Flask:
    app = api.create_app(service, pages.blueprint, login.blueprint, docs.blueprint)
    # A millisecond each, and a page has hundreds; what a schedule means never changes.
    app.extensions[pages.IN_WORDS] = lru_cache(maxsize=10_000)(Schedule.describe)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app
