"""A manual trigger with variables, on each engine: the job that they make is sent, retried and resumed."""

from dataclasses import replace

from harness.engine_harness import Bench, eventually

from chronos_gitops.engine.model import Status, TriggerInputs

NEVER = "@yearly"


def inputs(bench: Bench, path: str) -> TriggerInputs:
    return TriggerInputs(bench.job(path=path, schedule=NEVER), {"tenant": "acme"})


def test_job_with_the_variables_is_sent_and_the_row_keeps_them(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/ok", schedule=NEVER))
    given, plain = engine.trigger("daily-backup", inputs=inputs(bench, "/acme")), None
    assert given.variables == {"tenant": "acme"}
    eventually(lambda: engine.execution(given.id).execution.status is Status.SUCCESS)
    plain = eventually(lambda: (row := engine.trigger("daily-backup")).status is Status.PENDING and row)
    eventually(lambda: engine.execution(plain.id).execution.status is Status.SUCCESS)
    paths = {one.execution_id: one.path for one in bench.receiver.requests}
    assert (paths[given.id], paths[plain.id]) == ("/acme", "/ok")
    assert engine.execution(given.id).execution.variables == {"tenant": "acme"}
    assert engine.execution(plain.id).execution.variables is None


def test_what_did_not_end_is_resumed_with_the_variables(bench: Bench) -> None:
    job = bench.job(path="/ok", schedule=NEVER)
    engine = bench.start(job)
    given = engine.trigger("daily-backup", inputs=inputs(bench, "/hold/acme"))
    assert bench.receiver.wait_for(1, 30)
    bench.stop(engine)
    bench.receiver.release("acme")
    again = bench.start(replace(job, description="edited"))
    eventually(lambda: again.execution(given.id).execution.status is Status.SUCCESS, 60)
    requests = [one for one in bench.receiver.requests if one.execution_id == given.id]
    assert len(requests) >= 2
    assert {one.path for one in requests} == {"/hold/acme"}
    assert again.execution(given.id).execution.variables == {"tenant": "acme"}
