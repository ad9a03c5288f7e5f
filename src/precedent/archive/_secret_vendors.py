"""The rules for tokens of further vendors: model services, clouds, registries, and what developers build with.

Owns these rules only; see `_secret_rules.py` for what a rule is.
"""

from precedent.archive._secret_rules import DIGIT, END, UPPER, A, Rule, W, token

# Where vendors publish no format, two public lists of observed ones do.
_GITLEAKS = "https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml"
_TRUFFLEHOG = "https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors"

_HEX = "[a-f0-9]"
_UUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_PEM_STARTS = (
    "QUklWQVRFIEtFWS0t SU0EgUFJJVkFURS FQyBQUklWQVRFIE PUEVOU1NIIFBSSVZBVEUg "
    "FTkNSWVBURUQgUFJJVkFURS EU0EgUFJJVkFURS QR1AgUFJJVkFURS"
).split()  # base64 of what stands before PRIVATE KEY; the text before it is the same, so its place in three is known


def _rule(name: str, anchors: str, pattern: str, *, source: str = _GITLEAKS, pivot: str = "", before: int = 0) -> Rule:
    return token(name, anchors, pattern, source=source, pivot=pivot, before=before)


_MODELS = (
    _rule("groq-key", "gsk_", f"{A}{{48,60}}+{END}", source=_TRUFFLEHOG),
    _rule(
        "openrouter-key",
        "sk-or-",
        f"{W}{{24,256}}+{END}",
        source="https://openrouter.ai/docs/api-reference/authentication",
    ),
    _rule("perplexity-key", "pplx-", f"{A}{{48}}{END}"),
    _rule("xai-key", "xai-", f"{DIGIT}{W}{{70,90}}+{END}", source=_TRUFFLEHOG),
    _rule("replicate-token", "r8_", f"{W}{{37}}{END}", source=_TRUFFLEHOG),
    _rule("nvidia-key", "nvapi-", f"{W}{{60,72}}+{END}", source=_TRUFFLEHOG),
    _rule("langsmith-key", "lsv2_pt_ lsv2_sk_", f"{_HEX}{{32}}_{_HEX}{{10}}{END}", source=_TRUFFLEHOG),
    _rule("langfuse-key", "sk-lf-", f"{_UUID}{END}", source=_TRUFFLEHOG),
    _rule("pinecone-key", "pcsk_", f"{DIGIT}{W}{{60,80}}+{END}", source=_TRUFFLEHOG),
    _rule("elevenlabs-key", "sk_", f"{_HEX}{{48}}{END}", source=_TRUFFLEHOG),
    _rule("tavily-key", "tvly-", f"(?:dev-|prod-)?{DIGIT}{W}{{32,64}}+{END}", source=_TRUFFLEHOG),
    _rule("together-key", "tgp_v1_", f"{W}{{40,64}}+{END}", source=_TRUFFLEHOG),
    _rule("cerebras-key", "csk-", f"{DIGIT}{A}{{40,64}}+{END}", source=_TRUFFLEHOG),
    _rule("firecrawl-key", "fc-", f"{_HEX}{{32}}{END}", source=_TRUFFLEHOG),
    _rule("e2b-key", "e2b_", f"{_HEX}{{40}}{END}", source=_TRUFFLEHOG),
)

_CLOUDS = (
    _rule("aws-bedrock-key", "ABSK", r"[A-Za-z0-9+/]{109,269}+={0,2}", pivot="K"),
    _rule("aws-bedrock-key", "bedrock-api-key-", r"YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/]{0,4096}+={0,2}"),
    _rule("alibaba-key", "LTAI", f"{DIGIT}{A}{{20}}{END}", pivot="LTAI"),
    _rule("tencent-key", "AKID", f"{DIGIT}{A}{{32}}{END}", pivot="AKID", source=_TRUFFLEHOG),
    _rule("fly-token", "fo1_", f"{W}{{43}}{END}"),
    _rule("fly-token", "fm1r_ fm1a_ fm2_", f"[A-Za-z0-9+/]{{100,4096}}+={{0,3}}{END}"),
    _rule("heroku-key", "HRKU-", f"AA{W}{{58}}{END}"),
    _rule("render-key", "rnd_", f"{DIGIT}{A}{{28,40}}+{END}", source=_TRUFFLEHOG),
    _rule("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[A-Za-z0-9_=.-]{32,64}+(?![A-Za-z0-9_=-])"),
    _rule("neon-key", "napi_", f"{DIGIT}{A}{{60,72}}+{END}", source=_TRUFFLEHOG),
    _rule("terraform-token", ".atlasv1.", rf"(?<={A}{{14}}\.atlasv1\.)[A-Za-z0-9_=-]{{60,70}}+", before=14),
    _rule("pulumi-token", "pul-", f"{_HEX}{{40}}{END}"),
    _rule("infracost-key", "ico-", f"{DIGIT}{A}{{32}}{END}"),
    _rule("openshift-token", "sha256~", f"{W}{{43}}{END}", pivot="~"),
    _rule(
        "tailscale-key",
        "tskey-auth- tskey-api- tskey-client- tskey-webhook- tskey-scim-",
        f"{A}{{8,24}}+-{A}{{16,64}}+{END}",
        source="https://tailscale.com/kb/1277/key-prefixes",
    ),
    _rule("scalingo-token", "tk-us-", f"{W}{{48}}{END}"),
    _rule(
        "private-key",
        "LS0tLS1CRUdJTiB",
        rf"(?:{'|'.join(_PEM_STARTS)})[A-Za-z0-9+/]{{100,65536}}+={{0,2}}",
        source="ours: base64 of a PEM private key, as in a kubeconfig",
        pivot="RUdJTi",
    ),
)

_BUILDING = (
    _rule("rubygems-token", "rubygems_", f"{_HEX}{{48}}{END}"),
    _rule("crates-token", "cio", f"{DIGIT}{UPPER}{A}{{32}}{END}", pivot="cio", source=_TRUFFLEHOG),
    _rule("nuget-key", "oy2", f"[a-z0-9]{{43}}{END}", pivot="oy2", source=_TRUFFLEHOG),
    _rule("clojars-token", "CLOJARS_", f"{A}{{60}}{END}"),
    _rule("artifactory-token", "AKCp", f"{A}{{69}}{END}", pivot="AKCp"),
    _rule("artifactory-token", "cmVmdGtu", f"{A}{{56}}{END}", pivot="cmVmdGtu"),
    _rule("atlassian-token", "ATATT3 ATCTT3 ATSTT3", r"[A-Za-z0-9_=-]{80,400}+", pivot="TT3"),
    _rule("bitbucket-token", "ATBB", f"{DIGIT}{A}{{32}}{END}", pivot="ATBB", source=_TRUFFLEHOG),
    _rule("buildkite-token", "bkua_", f"{_HEX}{{40}}{END}", source=_TRUFFLEHOG),
    _rule("circleci-token", "CCIPAT_ CCIPRJ_", f"{A}{{16,32}}+_{_HEX}{{40}}{END}", source=_TRUFFLEHOG),
    _rule("sourcegraph-token", "sgp_", f"(?:(?:[a-fA-F0-9]{{16}}|local)_)?[a-fA-F0-9]{{40}}{END}"),
    _rule("sentry-token", "sntryu_", f"{_HEX}{{64}}{END}"),
    _rule("sentry-token", "sntrys_", f"eyJ[A-Za-z0-9+/]{{20,400}}+={{0,2}}_[A-Za-z0-9+/]{{43}}{END}"),
    _rule("newrelic-key", "NRAK-", f"[A-Z0-9]{{27}}{END}"),
    _rule("newrelic-key", "NRII-", f"{W}{{32}}{END}"),
    _rule("newrelic-key", "NRAL", f"(?<=[a-f0-9]{{36}}NRAL){END}", pivot="NRAL", before=36, source=_TRUFFLEHOG),
    _rule("dynatrace-token", "dt0c01. dt0s16. dt0s01.", rf"{A}{{24}}\.{A}{{64}}{END}"),
    _rule("grafana-token", "eyJrIjoi", f"[A-Za-z0-9]{{70,400}}+={{0,3}}(?!{W}|\\.)", pivot="rIjo"),
    _rule(
        "posthog-key", "phx_ phs_", f"{DIGIT}{A}{{40,50}}+{END}", source="https://posthog.com/docs/api#authentication"
    ),
    _rule("harness-token", "pat. sat.", rf"{W}{{22}}\.{A}{{24}}\.{A}{{20}}{END}"),
    _rule("octopus-key", "API-", f"{DIGIT}[A-Z0-9]{{26}}{END}"),
    _rule("prefect-key", "pnu_ pnb_", f"{A}{{36}}{END}"),
    _rule("onepassword-token", "ops_", "eyJ[A-Za-z0-9+/_-]{200,4096}+={0,3}"),
    _rule(
        "onepassword-token",
        "A3-",
        f"[A-Z0-9]{{6}}-(?:[A-Z0-9]{{11}}|[A-Z0-9]{{6}}-[A-Z0-9]{{5}})(?:-[A-Z0-9]{{5}}){{3}}{END}",
    ),
    _rule("postman-key", "PMAK-", f"{_HEX}{{24}}-{_HEX}{{34}}{END}"),
    _rule("wakatime-key", "waka_", f"{_UUID}{END}", source="https://wakatime.com/developers#authentication"),
    _rule("readme-key", "rdme_", f"[a-z0-9]{{70}}{END}"),
)

_SERVICES = (
    _rule("airtable-token", "pat", rf"{A}{{14}}\.{_HEX}{{64}}{END}", pivot="pat"),
    _rule("hubspot-token", "pat-na1- pat-eu1- pat-na2- pat-ap1-", f"{_UUID}{END}", source=_TRUFFLEHOG),
    _rule("brevo-key", "xkeysib- xsmtpsib-", f"{_HEX}{{64}}-{A}{{16}}{END}"),
    _rule("resend-key", "re_", f"{DIGIT}{UPPER}{A}{{8}}_{A}{{24}}{END}", source=_TRUFFLEHOG),
    _rule(
        "mailchimp-key",
        "-us",
        f"(?<=[0-9a-f]{{32}}-us)[0-9]{{1,2}}{END}",
        pivot="-us",
        before=32,
        source="https://mailchimp.com/developer/marketing/docs/fundamentals/#authentication",
    ),
    _rule(
        "square-token",
        "sq0atp- sq0csp-",
        f"{W}{{22,43}}+{END}",
        source="https://developer.squareup.com/docs/build-basics/access-tokens",
    ),
    _rule(
        "plaid-token",
        "access-sandbox- access-production- access-development-",
        f"{_UUID}{END}",
        source="https://plaid.com/docs/api/tokens/",
    ),
    _rule("flutterwave-key", "FLWSECK_TEST- FLWSECK-", f"{A}{{32}}(?:-[A-Za-z0-9]{{1,24}})?-X{END}"),
    _rule("shippo-token", "shippo_live_ shippo_test_", f"[a-fA-F0-9]{{40}}{END}"),
    _rule("duffel-token", "duffel_test_ duffel_live_", r"[A-Za-z0-9_=-]{43}(?![A-Za-z0-9_=-])"),
    _rule("easypost-key", "EZAK EZTK", f"{A}{{54}}{END}", pivot="EZ"),
    _rule("typeform-token", "tfp_", r"[A-Za-z0-9_.-]{44,72}+(?![A-Za-z0-9_-])", source=_TRUFFLEHOG),
    _rule("contentful-token", "CFPAT-", f"{W}{{43}}{END}", source=_TRUFFLEHOG),
    _rule("dropbox-token", "sl. sl.u.", f"{DIGIT}{W}{{130,2048}}+={{0,2}}"),
    _rule(
        "mapbox-token",
        "sk.eyJ",
        rf"{W}{{20,400}}+\.{W}{{20,64}}+{END}",
        pivot=".",
        source="https://docs.mapbox.com/accounts/guides/tokens/",
    ),
    _rule("maxmind-key", "_mmk", f"(?<={A}{{6}}_{A}{{29}}_mmk){END}", pivot="_mmk", before=36),
    _rule("adobe-secret", "p8e-", f"{A}{{32}}{END}"),
    _rule("frameio-token", "fio-u-", r"[A-Za-z0-9_=-]{64}(?![A-Za-z0-9_=-])"),
)

VENDORS: tuple[Rule, ...] = _MODELS + _CLOUDS + _BUILDING + _SERVICES
