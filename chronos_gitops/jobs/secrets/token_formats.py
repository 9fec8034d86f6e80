"""Published formats of access tokens: a prefix or shape that alone identifies a credential.

Each pattern starts at a word boundary, so that ``task-...`` and ``disk-...`` are no ``sk-...``. Where the prefix could
begin an ordinary hyphenated name, the pattern asks for the length and the alphabet of the real format.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple


class TokenFormat(NamedTuple):
    """Every match contains one of the ``needles``: looking for these first is ten times as fast as the pattern.

    ``pattern`` is bounded or consumes what it reads, so that searching stays linear in the length of the text.
    """

    name: str
    needles: tuple[str, ...]
    pattern: str


_HEX: Final = "[0-9a-f]"
_WORD: Final = r"[A-Za-z0-9_-]"
_ALNUM: Final = "[A-Za-z0-9]"
_MIXED: Final = r"(?=[A-Za-z_-]{0,100}[0-9])(?=[a-z0-9_-]{0,100}[A-Z])"
"""Has a digit and an upper-case letter near its beginning: no name made of words does."""

FORMATS: Final[tuple[TokenFormat, ...]] = (
    TokenFormat("GitHub", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), rf"gh[pousr]_{_ALNUM}{{20,}}"),
    TokenFormat("GitHub fine-grained", ("github_pat_",), r"github_pat_\w{20,}"),
    TokenFormat(
        "GitLab",
        ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"),
        rf"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-{_MIXED}{_WORD}{{16,}}",
    ),
    TokenFormat("GitLab personal", ("glpat-",), rf"glpat-{_ALNUM}{{20,}}"),
    TokenFormat("Slack", ("xox",), rf"xox[abeprs](?:\.xox[bp])?-(?=[A-Za-z-]{{0,40}}[0-9]){_WORD}{{10,}}"),
    TokenFormat("Slack app", ("xapp-",), r"xapp-[0-9]-[A-Z0-9]{5,}-[0-9]{5,}-[0-9a-f]{32,}"),
    TokenFormat(
        "Slack webhook", ("hooks.slack.com/",), r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]{20,}"
    ),
    TokenFormat("Discord webhook", ("/api/webhooks/",), rf"(?<=/api/webhooks/)[0-9]{{15,}}/{_WORD}{{40,}}"),
    TokenFormat("Teams webhook", ("webhook.office.com/",), r"(?<=webhook\.office\.com/)webhookb2/[\w@/-]{40,}"),
    TokenFormat("Stripe", ("k_live_", "k_test_"), rf"[sr]k_(?:live|test)_{_ALNUM}{{10,}}"),
    TokenFormat("Standard Webhooks", ("whsec_",), r"whsec_[\w+/=-]{16,}"),
    TokenFormat("OpenAI", ("sk-",), rf"sk-{_ALNUM}{{32,}}"),
    TokenFormat("OpenAI project", ("sk-",), rf"sk-(?:proj|svcacct|admin|or-v1|lf)-{_MIXED}{_WORD}{{20,}}"),
    TokenFormat("OpenRouter", ("sk-or-v1-",), rf"sk-or-v1-{_HEX}{{64}}"),
    TokenFormat("Anthropic", ("sk-ant-",), rf"sk-ant-[a-z]{{2,8}}[0-9]{{2}}-{_WORD}{{20,}}"),
    TokenFormat("AWS key id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?![A-Za-z0-9])"),
    TokenFormat("Google API key", ("AIza",), r"AIza[\w-]{30,}"),
    TokenFormat("Google OAuth secret", ("GOCSPX-",), r"GOCSPX-[\w-]{20,}"),
    TokenFormat("Google OAuth access token", ("ya29.",), r"ya29\.[\w-]{20,}"),
    TokenFormat("JWT", ("eyJ",), r"eyJ[\w-]{10,200}\.[\w-]{10,}(?:\.[\w-]*)?"),
    TokenFormat("Private key", ("PRIVATE KEY",), r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"),
    TokenFormat("npm", ("npm_",), rf"npm_{_ALNUM}{{36}}"),
    TokenFormat("PyPI", ("pypi-",), rf"pypi-AgE{_WORD}{{50,}}"),
    TokenFormat("RubyGems", ("rubygems_",), rf"rubygems_{_HEX}{{48}}"),
    TokenFormat("Docker Hub", ("dckr_pat_", "dckr_oat_"), rf"dckr_(?:pat|oat)_{_WORD}{{20,}}"),
    TokenFormat("SendGrid", ("SG.",), rf"SG\.{_WORD}{{16,32}}\.{_WORD}{{32,64}}"),
    TokenFormat("Brevo", ("xkeysib-",), rf"xkeysib-{_HEX}{{64}}-{_ALNUM}{{16}}"),
    TokenFormat("Twilio", ("SK",), rf"SK{_HEX}{{32}}"),
    TokenFormat("Mailgun", ("key-",), rf"key-{_HEX}{{32}}"),
    TokenFormat("Mailchimp", ("-us",), rf"{_HEX}{{32}}-us[0-9]{{1,2}}"),
    TokenFormat("Postman", ("PMAK-",), rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
    TokenFormat("DigitalOcean", ("dop_v1_", "doo_v1_", "dor_v1_"), rf"do[opr]_v1_{_HEX}{{64}}"),
    TokenFormat("Heroku", ("HRKU-",), rf"HRKU-{_WORD}{{30,}}"),
    TokenFormat("Terraform Cloud", (".atlasv1.",), rf"{_ALNUM}{{14}}\.atlasv1\.{_WORD}{{60,}}"),
    TokenFormat("Vault", ("hvs.", "hvb.", "hvr."), rf"hv[sbr]\.{_WORD}{{24,}}"),
    TokenFormat("Grafana", ("glsa_", "glc_"), rf"glsa_{_ALNUM}{{32}}_{_HEX}{{8}}|glc_[A-Za-z0-9+/]{{32,}}={{0,2}}"),
    TokenFormat("New Relic", ("NRAK-", "NRJS-", "NRRA-", "NRBR-", "NRII-"), r"NR(?:AK|JS|RA|BR|II)-[A-Za-z0-9]{19,}"),
    TokenFormat("Dynatrace", ("dt0",), r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    TokenFormat("Sentry", ("sntrys_", "sntryu_"), r"sntry[su]_[\w+/=-]{40,}"),
    TokenFormat("Shopify", ("shpat_", "shpca_", "shppa_", "shpss_"), r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    TokenFormat("Square", ("sq0atp-", "sq0csp-", "sq0idp-"), r"sq0(?:atp|csp|idp)-[\w-]{22,}"),
    TokenFormat(
        "PayPal and Braintree",
        ("access_token$",),
        rf"access_token\$(?:production|sandbox)\${_ALNUM}{{16}}\${_HEX}{{32}}",
    ),
    TokenFormat("Telegram", (":AA",), r"[0-9]{8,10}:AA[\w-]{33}"),
    TokenFormat("Linear", ("lin_api_", "lin_oauth_"), rf"lin_(?:api|oauth)_{_ALNUM}{{32,}}"),
    TokenFormat("Notion", ("ntn_",), rf"ntn_{_ALNUM}{{40,}}"),
    TokenFormat("Notion, before 2024", ("secret_",), rf"secret_{_ALNUM}{{43}}"),
    TokenFormat("Figma", ("figd_", "figo_", "figu_", "figr_"), rf"fig[dour]_{_WORD}{{38,}}"),
    TokenFormat("Databricks", ("dapi",), rf"dapi{_HEX}{{32}}"),
    TokenFormat("Hugging Face", ("hf_",), rf"hf_{_ALNUM}{{34,}}"),
    TokenFormat("Replicate", ("r8_",), rf"r8_{_ALNUM}{{37,}}"),
    TokenFormat("Groq", ("gsk_",), rf"gsk_{_ALNUM}{{48,}}"),
    TokenFormat("Perplexity", ("pplx-",), rf"pplx-{_ALNUM}{{40,}}"),
    TokenFormat("xAI", ("xai-",), rf"xai-{_ALNUM}{{60,}}"),
    TokenFormat("Doppler", ("dp.",), rf"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,35}}\.)?{_ALNUM}{{40,44}}"),
    TokenFormat("Atlassian", ("ATATT3", "ATCTT3", "ATSTT3"), r"AT(?:ATT|CTT|STT)3[\w=-]{60,}"),
    TokenFormat("Bitbucket app password", ("ATBB",), rf"ATBB{_ALNUM}{{24,}}"),
    TokenFormat("Azure AD secret", ("Q~",), r"[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}"),
    TokenFormat("age", ("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    TokenFormat("Fly.io", ("fm2_",), r"fm2_[\w+/=-]{60,}"),
    TokenFormat("Netlify", ("nfp_",), rf"nfp_{_ALNUM}{{36}}"),
    TokenFormat("Supabase", ("sbp_", "sb_secret_"), rf"sbp_{_HEX}{{40}}|sb_secret_{_WORD}{{20,}}"),
    TokenFormat("PlanetScale", ("pscale_",), r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}"),
    TokenFormat("Pulumi", ("pul-",), rf"pul-{_HEX}{{40}}"),
    TokenFormat("Prefect", ("pnu_",), rf"pnu_{_ALNUM}{{36}}"),
    TokenFormat("Airtable", ("pat",), rf"pat{_ALNUM}{{14}}\.{_HEX}{{64}}"),
    TokenFormat("Tailscale", ("tskey-",), rf"tskey-(?:api|auth|client|scim|webhook)-{_ALNUM}{{8,}}-{_ALNUM}{{20,}}"),
    TokenFormat("Buildkite", ("bkua_",), rf"bkua_{_HEX}{{40}}"),
    TokenFormat("CircleCI", ("CCIPAT_", "CCIPRJ_"), rf"CCI(?:PAT|PRJ)_{_WORD}{{20,}}"),
    TokenFormat("Contentful", ("CFPAT-",), r"CFPAT-[\w-]{43}"),
    TokenFormat("Adafruit", ("aio_",), rf"aio_{_ALNUM}{{28}}"),
    TokenFormat("Duffel", ("duffel_",), r"duffel_(?:test|live)_[\w=-]{43}"),
    TokenFormat("EasyPost", ("EZAK", "EZTK"), rf"EZ[AT]K{_ALNUM}{{54}}"),
    TokenFormat("Shippo", ("shippo_",), rf"shippo_(?:live|test)_{_HEX}{{40}}"),
    TokenFormat("Typeform", ("tfp_",), r"tfp_[\w.=-]{40,}"),
    TokenFormat("Sourcegraph", ("sgp_",), rf"sgp_(?:{_HEX}{{16}}_)?{_HEX}{{40}}"),
    TokenFormat("Cloudflare origin CA", ("v1.0-",), rf"v1\.0-{_HEX}{{24}}-{_HEX}{{146}}"),
    TokenFormat("chronos-gitops", ("chr_",), rf"chr_[nrow]{_ALNUM}{{8}}_{_ALNUM}{{36}}"),
)
_NEEDLES: Final = tuple(dict.fromkeys(needle for one in FORMATS for needle in one.needles))
_RUN: Final = re.compile(r"[\w-]{13}|PRIVATE KEY", re.ASCII)
"""Every match contains this many word characters in a row, but for a private key."""


@cache
def pattern() -> re.Pattern[str]:
    alternatives = "|".join(one.pattern for one in FORMATS)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{alternatives})", re.ASCII)


def may_hold_token(text: str) -> bool:
    """False only for a text that ``pattern`` does not match anywhere."""
    return _RUN.search(text) is not None and any(map(text.__contains__, _NEEDLES))


def find(text: str) -> Iterator[re.Match[str]]:
    return pattern().finditer(text) if may_hold_token(text) else iter(())
