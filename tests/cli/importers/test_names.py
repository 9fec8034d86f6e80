"""Names of imported jobs: words of their address, and nothing that may be a credential."""

import pytest
from cli.importers.test_sources import done

from chronos_gitops.cli.importers import crontab

SLACK = "hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/" + "AbCdEfGhIjKlMnOpQrStUvWx"
DISCORD = "discord.com/api/webhooks/" + "123456789012345678/" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMn"
STRIPE = "api.example.com/hook/" + "sk_live_" + "51Habcdefghijklmnop"
UUID = "hc.example.com/5e0f8a12-1b2c-4d3e-9f40-1234567890ab"


@pytest.mark.parametrize(
    ("url", "name", "sent"),
    [
        (SLACK, "hooks-slack", "${secret:hooks-slack-url}"),
        (DISCORD, "api-webhooks", "${secret:api-webhooks-url}"),
        (STRIPE, "api-hook", "https://api.example.com/hook/${secret:api-hook-url}"),
        (UUID, "hc-example", f"https://{UUID}"),
        ("ci.example.com/job/nightly/buildWithParameters", "nightly-build-with-parameters", None),
        ("a.example.com/v1/runNightlyReconciliation", "v1-run-nightly-reconciliation", None),
        ("es.example.com/_snapshot/weekly/%3Csnap-%7Bnow%7D%3E", "weekly-snap-now", None),
        ("a.example.com/v2/reports/2026", "reports-2026", None),
        ("a.example.com/x?token=abcdef123456", "a-x", "https://a.example.com/x?token=${secret:a-x-url}"),
    ],
)
def test_a_name_is_made_of_words(url: str, name: str, sent: str | None) -> None:
    escaped = url.replace("%", r"\%")
    (draft,) = done(crontab.read, f"@daily curl 'https://{escaped}'\n").drafts
    assert draft.name == name
    assert f"url: {sent or f'https://{url}'}" in draft.text.replace('"', "")
    assert not [part for part in url.split("/") if len(part) > 20 and part.isalnum() and part in draft.text and sent]
