"""The pages: rendered on the server, readable without JavaScript. ``create_app`` is the API with the pages on top."""

from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import StrictUndefined

from chronos_gitops.schedule.timing import Timing
from chronos_gitops.server.api import app as api_app
from chronos_gitops.server.api import problems
from chronos_gitops.server.api.routes import event_stream
from chronos_gitops.server.web import layout
from chronos_gitops.server.web.cache import PageCache
from chronos_gitops.server.web.pages import (
    api_docs,
    audit,
    changes,
    commit,
    compare,
    execution,
    executions,
    job,
    jobs,
    live,
    login,
    upcoming,
)

if TYPE_CHECKING:
    from chronos_gitops.service import Service

PAGES = (jobs, job, compare, commit, execution, executions, upcoming, changes, audit, live)
"""Each of them puts its routes on the blueprint of ``frame``."""


def create_app(service: "Service") -> Flask:
    app = api_app.create_app(service, layout.blueprint, login.blueprint, api_docs.blueprint)
    app.extensions[layout.IN_WORDS] = lru_cache(maxsize=10_000)(Timing.describe)
    app.extensions[layout.CHARTS], app.extensions[layout.SHAPES] = PageCache(64), PageCache(5_000)
    app.extensions[layout.ROWS] = PageCache(1_000)
    app.extensions[problems.HEAD] = layout.problem_head
    app.extensions[live.STREAMS] = event_stream.StreamSlots(live.MOST, live.PER_CALLER, displaces=True)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app
