"""The others: a process that has so many requests to make, each due at its own instant, and says so when it is ready.

    python bench/peers.py NAME URL FIRST RATE SECONDS

APScheduler 3 keeps its jobs in memory and sends with httpx in 20 threads; huey keeps them in SQLite, synced; Celery in
Redis. Only huey and Celery record anything, and neither records what came of it. ``client`` is no scheduler: our HTTP
client alone, all requests as fast as it can, which is the limit of the machine.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

CELERY = "-P threads -c 20 -l ERROR --prefetch-multiplier 0 --without-gossip --without-mingle"
CRON = "apscheduler, by cron"
NEEDS = {"apscheduler": "apscheduler", CRON: "apscheduler", "huey": "huey", "celery": "celery", "client": "aiohttp"}


def instants(first: float, rate: int, seconds: int) -> Iterator[float]:
    """``rate`` a second, evenly spread; with 0 seconds all of them at the first instant."""
    for second in range(max(1, seconds)):
        for number in range(rate):
            yield first + second + (number / rate if seconds else 0)


def apscheduler(url: str, due: list[float], ready: Callable[[], None], *, by_cron: bool = False) -> None:
    import httpx
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.date import DateTrigger

    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    client = httpx.Client(limits=limits, timeout=30, trust_env=False)
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(20)},
        job_defaults={"misfire_grace_time": 600},
        timezone=UTC,
    )
    for at in due:
        when = datetime.fromtimestamp(at, UTC)
        trigger = DateTrigger(when)
        if by_cron:  # comes again next year, as ours does
            trigger = CronTrigger(
                second=when.second, minute=when.minute, hour=when.hour, day=when.day, month=when.month
            )
        scheduler.add_job(client.get, trigger, args=[f"{url}/late/{at:.6f}"])
    scheduler.start()
    ready()
    threading.Event().wait()


def apscheduler_cron(url: str, due: list[float], ready: Callable[[], None]) -> None:
    """Jobs by cron, which it looks through one by one after each run."""
    apscheduler(url, due, ready, by_cron=True)


def huey(url: str, due: list[float], ready: Callable[[], None]) -> None:
    import httpx
    from huey import SqliteHuey

    client = httpx.Client(limits=httpx.Limits(max_connections=50), timeout=30, trust_env=False)
    with tempfile.TemporaryDirectory() as folder:
        queue = SqliteHuey(filename=f"{folder}/huey.db", fsync=True, results=False, utc=True)

        @queue.task()
        def hit(at: float) -> None:
            client.get(f"{url}/late/{at:.6f}")

        for at in due:
            hit.schedule((at,), eta=datetime.fromtimestamp(at, UTC).replace(tzinfo=None))
        consumer = queue.create_consumer(workers=20, worker_type="thread", scheduler_interval=1, initial_delay=0.01)
        consumer.start()
        ready()
        threading.Event().wait()


def celery(url: str, due: list[float], ready: Callable[[], None]) -> None:
    """A Redis and a worker of its own, 20 threads."""
    from celery import Celery

    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "redis.sock")
        redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        while not socket.exists():
            time.sleep(0.02)
        os.environ["BENCH_BROKER"] = f"redis+socket://{socket}"
        here = Path(__file__).parent
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", *CELERY.split()],
            cwd=here,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        app = Celery(broker=os.environ["BENCH_BROKER"])
        try:
            for at in due:
                app.send_task("celery_tasks.hit", (f"{url}/late/{at:.6f}",), eta=datetime.fromtimestamp(at, UTC))
            while not app.control.ping(timeout=0.5):
                pass
            ready()
            sys.stdin.read()
        finally:
            worker.kill()
            redis.kill()


def client(url: str, due: list[float], ready: Callable[[], None]) -> None:
    import aiohttp

    async def send() -> None:
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(connector=connector) as session:
            left = iter(due)

            async def one() -> None:
                for at in left:
                    async with session.get(f"{url}/late/{at:.6f}") as answer:
                        await answer.read()

            ready()
            await asyncio.sleep(max(0.0, due[0] - time.time()))
            await asyncio.gather(*(one() for _ in range(100)))

    asyncio.run(send())
    sys.stdin.read()


PEERS = {"apscheduler": apscheduler, CRON: apscheduler_cron, "huey": huey, "celery": celery, "client": client}


def main(name: str, url: str, first: str, rate: str, seconds: str) -> None:
    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    PEERS[name](url, list(instants(float(first), int(rate), int(seconds))), ready)


if __name__ == "__main__":
    main(*sys.argv[1:])
