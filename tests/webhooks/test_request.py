import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from chronos_gitops.jobs.model import Job, job_id
from chronos_gitops.jobs.webhook import ApiKeyAuth, Auth, BasicAuth, BearerAuth, HmacAuth, OAuth2Auth, Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.outcome import ErrorClass
from chronos_gitops.webhooks.request import MAX_BODY, AttemptContext, PreparedRequest, masked, render, traceparent
from chronos_gitops.webhooks.url import RequestError

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
CALL = AttemptContext("0f8fad5b-d9cb-469f-a165-70867728950e", datetime(2026, 1, 30, 7, tzinfo=UTC), 2, "c0ffee")
SECRETS = {
    "k": "v4lue",
    "slash": "a/b c",
    "chat": "https://hooks.example.com/services/T0/B0?x=1",
    "whsec": "whsec_c2VjcmV0",
}
MakeJob = Callable[..., Job]


def job(url: str = "https://api.example.com/", **webhook: object) -> Job:
    return Job("daily-backup", Timing.parse("0 * * * *", key="daily-backup"), Webhook(url, **webhook))  # type: ignore[arg-type]


def rendered(
    made: Job, call: AttemptContext = CALL, *, access_token: str = "", now: datetime = NOON
) -> PreparedRequest:
    return render(
        made, call, secret=SECRETS.__getitem__, user_agent="chronos-gitops/0.1", now=now, access_token=access_token
    )


def headers(made: Job, **options: object) -> dict[str, str]:
    pairs = rendered(made, **options).headers  # type: ignore[arg-type]
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return {name.lower(): value for name, value in pairs}


def test_variables_are_filled_in_everywhere() -> None:
    text = "{{.JobID}} {{.JobName}} {{ .ExecutionID }} {{.ScheduledTime}} {{.Attempt}} {{.Unknown}}"
    filled = f"{job_id('daily-backup')} daily-backup {CALL.execution_id} 2026-01-30T07:00:00Z 2 {{{{.Unknown}}}}"
    made = rendered(job("https://a.example/{{.JobName}}/{{.ScheduledTime}}", headers=(("X-A", text),), body=text))
    assert made.target.url == "https://a.example/daily-backup/2026-01-30T07%3A00%3A00Z"
    assert ("X-A", filled) in made.headers
    assert made.body == filled.encode()


def test_secret_in_the_url_is_percent_encoded() -> None:
    assert rendered(job("https://a.example/${secret:slash}?q=${secret:slash}")).target.url == (
        "https://a.example/a%2Fb%20c?q=a%2Fb%20c"
    )


def test_url_that_is_a_secret_is_taken_whole() -> None:
    made = rendered(job("${secret:chat}"))
    assert made.target.url == "https://hooks.example.com/services/T0/B0?x=1"
    assert "services/T0/B0" in made.secrets
    assert made.place == "${secret:chat}"


def test_what_a_secret_brings_in_is_not_read_again() -> None:
    made = render(
        job(body="${secret:a}"),
        CALL,
        secret={"a": "{{.JobName}} ${secret:b}"}.__getitem__,
        user_agent="x",
        now=NOON,
    )
    assert made.body == b"{{.JobName}} ${secret:b}"


def test_identity_headers() -> None:
    found = headers(job())
    assert found["x-chronos-job-id"] == job_id("daily-backup")
    assert found["x-chronos-job-name"] == "daily-backup"
    assert found["x-chronos-execution-id"] == found["idempotency-key"] == CALL.execution_id
    assert found["x-chronos-scheduled-time"] == "2026-01-30T07:00:00Z"
    assert found["x-chronos-attempt"] == "2"
    assert found["x-chronos-commit"] == "c0ffee"
    assert found["user-agent"] == "chronos-gitops/0.1"
    assert found["accept-encoding"] == "identity"


def test_job_without_a_commit_sends_none() -> None:
    assert "x-chronos-commit" not in headers(job(), call=AttemptContext("e", CALL.scheduled_time, 1, None))


def test_traceparent_keeps_its_trace_and_changes_its_parent() -> None:
    calls = [AttemptContext("e1", NOON, attempt, None, "0af7651916cd43dd8448eb211c80319c") for attempt in (1, 2, 3)]
    found = [re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", traceparent(call)) for call in calls]
    assert {match[1] for match in found if match} == {"0af7651916cd43dd8448eb211c80319c"}
    assert len({match[2] for match in found if match}) == 3
    assert traceparent(calls[0]) == traceparent(calls[0])


@pytest.mark.parametrize(
    "trace_id", ["", "0" * 32, "G" * 32, "0AF7651916CD43DD8448EB211C80319C", "abc", "a" * 32 + "\n"]
)
def test_invalid_trace_id_is_replaced_by_a_stable_one(trace_id: str) -> None:
    one, two = (traceparent(AttemptContext("e1", NOON, attempt, None, trace_id)) for attempt in (1, 2))
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", one)
    assert one[:36] == two[:36]
    assert one[:36] != traceparent(AttemptContext("e2", NOON, 1, None, trace_id))[:36]


def test_custom_headers_win_over_defaults() -> None:
    found = headers(
        job(headers=(("user-agent", "mine"), ("CONTENT-TYPE", "text/csv"), ("Accept", "text/csv")), body="a")
    )
    assert (found["user-agent"], found["content-type"], found["accept"]) == ("mine", "text/csv", "text/csv")


@pytest.mark.parametrize(
    "name",
    [
        *("X-Chronos-Job-ID", "x-chronos-attempt", "X-CHRONOS-Anything", "Idempotency-Key", "traceparent", "Host"),
        *("Content-Length", "Transfer-Encoding", "Accept-Encoding", "Connection", "Expect", "Upgrade", "TE", "Trailer"),
    ],
)
def test_custom_headers_never_win_over_ours(name: str) -> None:
    assert "mine" not in headers(job(headers=((name, "mine"),))).values()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"a": 1}', "application/json"),
        ("[]", "application/json"),
        ("plain words", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("a=1&b=2", "text/plain; charset=utf-8"),
        ("[" * 100_000, "text/plain; charset=utf-8"),
        (None, None),
    ],
)
def test_content_type_follows_from_the_body(body: str | None, content_type: str | None) -> None:
    assert headers(job(method="POST", body=body)).get("content-type") == content_type


def test_body_is_utf_8() -> None:
    assert rendered(job(body="ünï")).body == "ünï".encode()


def test_body_that_grew_too_large_is_refused() -> None:
    with pytest.raises(RequestError, match="larger than 1024 KiB"):
        rendered(job(body="${secret:k}" * (MAX_BODY // 5 + 1)))


def test_bearer() -> None:
    made = rendered(job(auth=BearerAuth("${secret:k}"), headers=(("authorization", "mine"),)))
    assert [value for name, value in made.headers if name.lower() == "authorization"] == ["Bearer v4lue"]


def test_basic_is_rfc_7617() -> None:
    assert headers(job(auth=BasicAuth("Aladdin", "open sesame")))["authorization"] == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )
    assert headers(job(auth=BasicAuth("test", "123£")))["authorization"] == "Basic dGVzdDoxMjPCow=="
    with pytest.raises(RequestError, match="colon"):
        rendered(job(auth=BasicAuth("a:b", "c")))


def test_api_key_goes_into_its_header() -> None:
    assert headers(job(auth=ApiKeyAuth("${secret:k}")))["x-api-key"] == "v4lue"
    assert headers(job(auth=ApiKeyAuth("${secret:k}", "X-Token")))["x-token"] == "v4lue"


@pytest.mark.parametrize("header", ["Host", "X-Chronos-Job-ID", "idempotency-key", "Content-Length"])
def test_api_key_cannot_take_a_header_of_ours(header: str) -> None:
    with pytest.raises(RequestError, match="chronos-gitops sets it itself"):
        rendered(job(auth=ApiKeyAuth("k", header)))


def test_oauth2_sends_the_token_it_was_given_and_no_client_secret() -> None:
    made = rendered(job(auth=OAuth2Auth("https://t.example/", "id", "${secret:k}")), access_token="t0ken")
    assert ("Authorization", "Bearer t0ken") in made.headers
    assert made.secrets == {"t0ken": "***"}


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2VjcmV0", "${secret:whsec}", "plain text secret"]
)
@pytest.mark.parametrize("body", ['{"type": "full", "ü": 1}', "", None])
def test_signature_is_accepted_by_the_reference_library(secret: str, body: str | None) -> None:
    now = datetime.now(UTC)
    found = headers(job(method="POST", auth=HmacAuth(secret), body=body), now=now)
    given = SECRETS["whsec"] if secret.startswith("$") else secret
    key = given if given.startswith("whsec_") else base64.b64encode(given.encode()).decode()
    assert found["webhook-id"] == CALL.execution_id
    assert found["webhook-timestamp"] == str(int(now.timestamp()))
    Verifier(key).verify((body or "").encode(), found, json_parse=False)


def test_signature_vector_of_the_standard() -> None:
    """The example of the Standard Webhooks specification and libraries."""
    call = AttemptContext("msg_p5jXN8AQM9LWM0D4loKWxJek", NOON, 1, None)
    made = job(method="POST", auth=HmacAuth("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), body='{"test": 2432232314}')
    found = headers(made, call=call, now=datetime.fromtimestamp(1614265330, UTC))
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_together_during_a_rotation() -> None:
    old, new = "whsec_b2xkIHNlY3JldA==", "whsec_bmV3IHNlY3JldA=="
    now = datetime.now(UTC)
    found = headers(job(method="POST", auth=HmacAuth(f"{new} {old}"), body="{}"), now=now)
    assert found["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Verifier(secret).verify(b"{}", found)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!", "whsec_a"])
def test_secret_that_is_no_base64_is_refused(secret: str) -> None:
    with pytest.raises(RequestError, match="not base64"):
        rendered(job(auth=HmacAuth(secret)))


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\nA", "Ü", "X\0"])
def test_header_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="name of a header"):
        rendered(job(headers=((name, "v"),)))


def test_repr_shows_no_value() -> None:
    made = job("https://a.example/${secret:k}", auth=BearerAuth("${secret:k}"), headers=(("X", "${secret:k}"),),
               body="${secret:k}")  # fmt: skip
    assert "v4lue" not in repr(rendered(made))
    assert rendered(made).secrets == {"v4lue": "${secret:k}"}


def test_secrets_to_hide_hold_literal_credentials_too() -> None:
    made = rendered(job(auth=BasicAuth("user", "open sesame")))
    assert made.secrets == {"open sesame": "***", base64.b64encode(b"user:open sesame").decode(): "***"}
    assert rendered(job(auth=BearerAuth("abc"))).secrets == {}


ANY_AUTH: list[Auth] = [
    BearerAuth("${secret:k}"),
    BasicAuth("user", "${secret:k}"),
    ApiKeyAuth("${secret:k}"),
    HmacAuth("${secret:k}"),
    OAuth2Auth("https://t.example", "id", "${secret:k}"),
]


@pytest.mark.parametrize("auth", ANY_AUTH, ids=lambda auth: auth.type)
def test_masked_request_needs_no_secret_and_shows_none(auth: Auth) -> None:
    made = job(
        "https://a.example/{{.JobName}}?key=${secret:k}",
        method="POST",
        auth=auth,
        headers=(("X-Token", "${secret:k}"), ("Cookie", "session=l1teral"), ("X-Plain", "shown")),
        body='{"password": "${secret:k}", "attempt": {{.Attempt}}}',
    )
    shown = masked(made, CALL, user_agent="chronos-gitops/0.1")
    assert shown.url == "https://a.example/daily-backup?key=${secret:k}"
    assert shown.body == '{"password": "${secret:k}", "attempt": 2}'
    found = dict(shown.headers)
    assert (found["X-Token"], found["X-Plain"]) == ("${secret:k}", "shown")
    assert "l1teral" not in repr(shown)
    real = {name for name, _ in rendered(made, access_token="t").headers}
    assert {name for name, _ in shown.headers} == real


def test_masked_literal_auth_is_hidden() -> None:
    assert "l1teral" not in repr(masked(job(auth=BearerAuth("l1teral")), CALL, user_agent="x"))
    assert "l1teral" not in repr(masked(job(headers=(("Authorization", "Bearer l1teral"),)), CALL, user_agent="x"))


WILD = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(deadline=None)
@given(
    path=WILD,
    value=WILD,
    body=WILD,
    secret=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
    auth=st.sampled_from(ANY_AUTH),
)
def test_no_control_character_ever_leaves(path: str, value: str, body: str, secret: str, auth: Auth) -> None:
    made = job(f"https://a.example/{path}", headers=(("X-A", value), ("X-B", "${secret:k}")), body=body, auth=auth)
    try:
        sent = render(made, CALL, secret=lambda _: secret, user_agent="x", now=NOON, access_token=secret)
    except RequestError:
        return
    assert re.fullmatch(r"[!-~]+", sent.target.url)
    for name, text in sent.headers:
        assert re.fullmatch(r"[!-9;-~]+", name)
        assert not re.search(r"[\x00-\x1f\x7f]", text)


@settings(deadline=None)
@given(st.uuids(), st.integers(1, 100), st.integers(1, 100))
def test_identity_is_stable_over_attempts(execution: object, first: int, second: int) -> None:
    one, two = (headers(job(), call=AttemptContext(str(execution), NOON, attempt, "c")) for attempt in (first, second))
    changing = {"x-chronos-attempt", "traceparent"}
    assert {name: one[name] for name in one if name not in changing} == {
        name: two[name] for name in two if name not in changing
    }
    assert (one == two) is (first == second)


@pytest.mark.parametrize("place", ["url", "header", "auth", "body"])
def test_refusals_hold_no_value(place: str) -> None:
    made = {
        "url": job("${secret:k}"),
        "header": job(headers=(("X-A", "${secret:k}"),)),
        "auth": job(auth=BasicAuth("${secret:k}", "x")),
        "body": job(body="${secret:k}" * 100_000),
    }[place]
    with pytest.raises(RequestError) as caught:
        render(made, CALL, secret=lambda _: "v4lue:\n/s3cret", user_agent="x", now=NOON)
    assert "v4lue" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_json_with_a_filled_secret_is_what_is_signed_and_sent() -> None:
    made = rendered(job(method="POST", body='{"token": "${secret:k}"}'))
    assert made.body is not None
    assert json.loads(made.body) == {"token": "v4lue"}


def timed(value: dict[str, str]) -> Job:
    return Job.from_document(
        {
            "name": "daily-backup",
            "schedule": "0 2 * * *",
            "timezone": "Europe/Paris",
            "end": "2026-03-30",
            "webhook": {
                "url": "https://a.example/${var:day}",
                "headers": {"X-Day": "${var:day}", "X-Job": "{{.JobName}}"},
                "auth": {"type": "bearer", "token": "${secret:k}-${var:day}"},
            },
            "variables": {"day": value},
        }
    )


def test_times_are_those_of_the_scheduled_time() -> None:
    call = replace(CALL, scheduled_time=datetime(2026, 3, 30, 0, tzinfo=UTC))
    made = timed({"time": "scheduled", "shift": "-1d", "format": "date"})
    sent = headers(made, call=call)
    assert (sent["x-day"], sent["x-job"], sent["authorization"]) == (
        "2026-03-29",
        "daily-backup",
        "Bearer v4lue-2026-03-29",
    )
    assert rendered(made, call).target.url == "https://a.example/2026-03-29"
    assert masked(made, call, user_agent="x").url == "https://a.example/2026-03-29"


def test_time_without_a_tick_fails_with_a_class_of_its_own() -> None:
    call = replace(CALL, scheduled_time=datetime(2026, 3, 30, 0, tzinfo=UTC))
    made = timed({"time": "next"})
    with pytest.raises(RequestError, match="the schedule has no run after 2026-03-30T00:00:00Z") as caught:
        rendered(made, call)
    assert caught.value.kind == ErrorClass.VARIABLE
    assert masked(made, call, user_agent="x").url == "https://a.example/${var:day}"
