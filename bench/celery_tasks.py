"""The tasks of the Celery worker of bench/peers.py."""

import os

import httpx
from celery import Celery

app = Celery("celery_tasks", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True
client = httpx.Client(limits=httpx.Limits(max_connections=50), timeout=30, trust_env=False)


@app.task(name="celery_tasks.hit")
def hit(url: str) -> None:
    client.get(url)
