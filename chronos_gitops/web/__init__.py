"""The pages: rendered on the server, readable without JavaScript. ``create_app`` is the API with the pages on top."""

from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import StrictUndefined

from chronos_gitops import api
from chronos_gitops.timing.schedule import Schedule
from chronos_gitops.web import changes, docs, frame, job, jobs, login, outlook, runs
from chronos_gitops.web.kept import Kept

if TYPE_CHECKING:
    from chronos_gitops.service import Service

PAGES = (jobs, job, runs, outlook, changes)
"""Each of them puts its routes on the blueprint of ``frame``."""


def create_app(service: "Service") -> Flask:
    app = api.create_app(service, frame.blueprint, login.blueprint, docs.blueprint)
    app.extensions[frame.IN_WORDS] = lru_cache(maxsize=10_000)(Schedule.describe)
    app.extensions[frame.CHARTS], app.extensions[frame.SHAPES] = Kept(64), Kept(5_000)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app
