"""Invented secrets of every kind and the places where transcripts show them; made from a seed, none of them real.

The formats are written down from what vendors publish, apart from the rules that are to find them.
"""

import base64
import json
import string
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
ALPHABETS = {"a": ALNUM, "l": LOWER, "u": UPPER, "w": URLSAFE, "b": BASE64, "h": HEX, "d": string.digits}

# `{a36}` is 36 letters and digits; see `ALPHABETS`. Prefixes are cut in two, so that no scanner takes this for a leak.
FORMS = """
aws-access-key-id AK|IA{u16}   aws-access-key-id AS|IA{u16}   aws-bedrock-key AB|SK{a130}=   github-token gh|p_{a36}
github-token gh|s_{a36}   github-token github|_pat_{a22}_{a59}   github-token gh|r_{a76}   gitlab-token gl|pat-{a20}
gitlab-token gl|rt-{a20}   gitlab-token gl|dt-{a20}   gitlab-token GR13|48941{a20}
slack-token xo|xb-{d12}-{d12}-{a24}   slack-token xo|xp-{d12}-{d12}-{d12}-{h32}
slack-token xa|pp-1-A{u10}-{d12}-{h64}   stripe-key sk|_live_{a24}   stripe-key rk|_live_{a99}
stripe-key sk|_test_{a24}   stripe-webhook-secret wh|sec_{a32}   anthropic-key sk|-ant-api03-{w93}AA
anthropic-key sk|-ant-oat01-{w93}AA   anthropic-key sk|-ant-admin01-{w93}AA   openai-key sk|-proj-{a74}T3BlbkFJ{a74}
openai-key sk|-{a20}T3BlbkFJ{a20}   openai-key sk|-svcacct-{a58}T3BlbkFJ{a58}   openrouter-key sk|-or-v1-{h64}
groq-key gs|k_{a52}   perplexity-key pp|lx-{a48}   xai-key xa|i-{a80}   replicate-token r8|_{a37}
nvidia-key nv|api-{w63}a   langsmith-key lsv2|_pt_{h32}_{h10}   langfuse-key sk|-lf-{h8}-{h4}-{h4}-{h4}-{h12}
pinecone-key pc|sk_{a6}_{a63}   elevenlabs-key sk|_{h48}   tavily-key tv|ly-dev-{a32}   together-key tgp|_v1_{w42}a
cerebras-key cs|k-{l48}   firecrawl-key fc|-{h32}   e2b-key e2|b_{h40}   huggingface-token hf|_{a34}
google-api-key AI|za{w34}a   google-api-key AQ|.Ab8RN6{w44}a   google-oauth-secret GOC|SPX-{w27}a
google-oauth-token ya|29.a0{w160}   google-oauth-token 1/|/0{d1}{w60}a   azure-client-secret {a3}8Q|~{a34}
azure-devops-token {a76}AZ|DO{a4}   alibaba-key LT|AI{a20}   tencent-key AK|ID{a32}   digitalocean-token dop|_v1_{h64}
heroku-key HR|KU-AA{a58}   fly-token fo|1_{a43}   fly-token fm|2_{a160}==   render-key rn|d_{a32}
planetscale-token pscale|_tkn_{a43}   neon-key na|pi_{l64}   terraform-token {a14}.atlas|v1.{a67}
pulumi-token pu|l-{h40}   infracost-key ic|o-{a32}   openshift-token sha256|~{a43}
tailscale-key ts|key-auth-{a12}CNTRL-{a32}   scalingo-token tk|-us-{a48}   cloudflare-token cf|ut_{a48}
cloudflare-token v1|.0-{h24}-{h146}   databricks-token da|pi{h32}   vault-token hv|s.{a90}   vault-token hv|b.{a140}
npm-token np|m_{a36}   pypi-token py|pi-AgEIcHlwaS5vcmc{a150}   rubygems-token ruby|gems_{h48}
crates-token ci|o{a32}   nuget-key oy|2{l43}   clojars-token CLO|JARS_{l60}   docker-token dckr|_pat_{a27}
docker-token dckr|_oat_{a32}   artifactory-token AK|Cp{a69}   artifactory-token cmVm|dGtu{a56}
atlassian-token ATA|TT3xFfGF0{a180}   bitbucket-token AT|BB{a32}   buildkite-token bk|ua_{h40}
circleci-token CCI|PAT_{a22}_{h40}   sourcegraph-token sg|p_{h16}_{h40}   sentry-token sntr|yu_{h64}
sentry-token sntr|ys_eyJpYXQiO{a60}_{a43}   newrelic-key NR|AK-{u27}   newrelic-key {h36}NR|AL
dynatrace-token dt0|c01.{u24}.{u64}   grafana-token gl|sa_{a32}_{h8}   grafana-token gl|c_{a80}
grafana-token eyJr|Ijoi{a90}   posthog-key ph|x_{a43}   harness-token pa|t.{a22}.{h24}.{a20}   octopus-key AP|I-{u26}
prefect-key pn|u_{a36}   onepassword-token op|s_eyJ{a260}   onepassword-token A3|-{u6}-{u11}-{u5}-{u5}-{u5}
postman-key PM|AK-{h24}-{h34}   wakatime-key wa|ka_{h8}-{h4}-{h4}-{h4}-{h12}   readme-key rd|me_{l70}
doppler-token dp|.pt.{a43}   doppler-token dp|.st.dev.{a43}   linear-key li|n_api_{a40}   notion-token nt|n_{d11}{a35}
notion-token secr|et_{a43}   figma-token fi|gd_{a40}   supabase-token sb|p_{h40}   supabase-token sb_|secret_{a31}
vercel-token vc|p_{a56}   netlify-token nf|p_{a36}   airtable-token pa|t{a14}.{h64}
hubspot-token pat|-na1-{h8}-{h4}-{h4}-{h4}-{h12}   brevo-key xkey|sib-{h64}-{a16}   sendgrid-key S|G.{w21}a.{w42}a
twilio-key S|K{h32}   mailgun-key ke|y-{h32}   resend-key re|_{a8}_{a24}   mailchimp-key {h32}-u|s21
shopify-token sh|pat_{h32}   shopify-token sh|pss_{h32}   square-token sq|0atp-{w21}a   square-token sq|0csp-{w42}a
plaid-token access|-production-{h8}-{h4}-{h4}-{h4}-{h12}   flutterwave-key FLW|SECK_TEST-{h32}-X
shippo-token shippo|_live_{h40}   duffel-token duffel|_live_{w42}a   easypost-key EZ|AK{a54}
typeform-token tf|p_{a44}_{a14}   contentful-token CF|PAT-{w42}a   dropbox-token sl|.{a140}
mapbox-token sk|.eyJ1IjoiYWRhIiwiYSI6{a30}.{a22}   maxmind-key {a6}_{a29}_m|mk   adobe-secret p8|e-{a32}
frameio-token fi|o-u-{w63}a   age-key AGE-SECRET|-KEY-1{u58}   telegram-token {d10}:A|A{w32}a
discord-token MT{a24}.G|{a5}.{w37}a   precedent-token pre|c_{w43}{a6}
slack-webhook https://hooks.slack|.com/services/T{u8}/B{u10}/{a24}
discord-webhook https://discord|.com/api/webhooks/{d18}/{w67}a
teams-webhook https://x.webhook.office|.com/webhookb2/{h8}@{h8}/IncomingWebhook/{h32}/{h8}-{h4}-{h4}-{h4}-{h12}
"""

# The secret is what stands in `<…>`; `p` are passwords with letters of both cases, digits and a sign.
NAMED = r"""
aws-secret-key AWS_SECRET_ACCESS_KEY=<{b40}>
aws-secret-key "SecretAccessKey": "<{b40}>"
assigned-token AWS_SESSION_TOKEN=<IQoJb3JpZ2luX2VjE{b700}>
azure-key DefaultEndpointsProtocol=https;AccountName=store;AccountKey=<{b86}>==;EndpointSuffix=core.windows.net
azure-sas https://store.blob.core.windows.net/c?sv=2024-11-04&sr=c&sig=<{a43}>%3D
url-password postgresql://svc:<{a16}>@db.internal:5432/app
url-password mongodb+srv://svc:<{a16}>@cluster0.internal/app?retryWrites=true
url-password redis://:<{a20}>@cache.internal:6379/0
url-password https://deploy:<{a20}>@git.internal/team/app.git
authorization curl -H "Authorization: Bearer <{a44}>" https://api.internal/v1
authorization Authorization: Basic <{o20}>
authorization -H 'authorization: token <{h40}>'
curl-password curl -fsS -u deploy:<{a14}> https://ci.internal/job
netrc-password machine git.internal login deploy password <{a14}>
registry-auth {"auths":{"registry.internal":{"auth":"<{o20}>"}}}
registry-auth //npm.internal/:_auth=<{o20}>
assigned-password DB_PASSWORD=<{p}>
assigned-password password: '<{p}>'
assigned-password "password": "<{p}>"
assigned-password Server=db;User Id=svc;Password=<{a14}>;Encrypt=true
assigned-password mysqldump --password=<{p}> app
assigned-password docker login --username ci --password <{a16}> registry.internal
assigned-secret client_secret=<{a32}>
assigned-secret SECRET_KEY_BASE="<{h64}>"
assigned-secret JWT_SECRET: <{a40}>
assigned-token VERCEL_TOKEN=<{a24}>
assigned-token X-Auth-Token: <{a32}>
assigned-token flyctl deploy --token <{a40}>
assigned-key DD_API_KEY=<{h32}>
assigned-key DD_APP_KEY=<{h40}>
assigned-key x-api-key: <{a36}>
assigned-key Ocp-Apim-Subscription-Key: <{h32}>
assigned-key const apiKey = '<{a32}>';
assigned-key algolia --api-key <{h32}> import
"""


class Labelled(NamedTuple):
    """A secret in a text: the rule that is to find it, the text, and what must not be left."""

    rule: str
    text: str
    secret: str


def secrets(seed: int) -> Iterator[Labelled]:
    """Yield one secret of every form."""
    rng = Random(f"secrets {seed}")
    for pair in FORMS.replace("\n", "   ").split("   "):
        if pair.strip():
            rule, form = pair.strip().split(" ", 1)
            text = _filled(form.replace("|", ""), rng)
            yield Labelled(
                rule, text, text.rsplit("/IncomingWebhook/")[-1].rsplit("/", 1)[-1] if "hook" in rule else text
            )
    for row in NAMED.strip().splitlines():
        rule, form = row.split(" ", 1)
        before, _, rest = form.partition("<")
        inside, _, after = rest.partition(">")
        secret = _filled(inside, rng)
        yield Labelled(rule, before + secret + after, secret)
    for text in (_jwt(rng), _pem("RSA ", rng), _pem("", rng), _pem("OPENSSH ", rng), _pem("EC ", rng)):
        yield Labelled("jwt" if text.startswith("eyJ") else "private-key", text, text)
    key = base64.b64encode(_pem("RSA ", rng).encode()).decode()
    yield Labelled("private-key", f"    client-key-data: {key}", key)
    key = _pem("PGP ", rng, block=" BLOCK")
    yield Labelled("private-key", key, key)


def _filled(form: str, rng: Random) -> str:
    pieces = []
    for number, piece in enumerate(form.replace("}", "{").split("{")):
        kind, size = piece[:1], piece[1:]
        if number % 2 == 0:
            pieces.append(piece)
        elif kind == "p":
            parts = [
                _text(rng, string.ascii_lowercase, 5),
                _text(rng, UPPER, 5),
                rng.choice("!#%*") + _text(rng, "23456789", 2),
            ]
            rng.shuffle(parts)
            pieces.append("".join(parts))
        elif kind == "o":  # a name and a password, as registries and headers want them
            pieces.append(base64.b64encode(f"ops:{_text(rng, ALNUM, int(size))}".encode()).decode())
        else:
            pieces.append(_text(rng, ALPHABETS[kind], int(size)))
    return "".join(pieces)


def _text(rng: Random, alphabet: str, size: int) -> str:
    return "".join(rng.choices(alphabet, k=size))


def _jwt(rng: Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": _text(rng, HEX, 12), "exp": 1_800_000_000})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, _text(rng, ALNUM, 43)])


def _pem(kind: str, rng: Random, *, block: str = "") -> str:
    lines = [_text(rng, BASE64, 64) for _ in range(12)] + [_text(rng, BASE64, 38) + "=="]
    name = f"{kind}PRIVATE {'KEY'}{block}"
    return "\n".join([f"{'-' * 5}BEGIN {name}{'-' * 5}", *lines, f"{'-' * 5}END {name}{'-' * 5}"])


def places(text: str, rng: Random) -> Iterator[tuple[str, bytes]]:
    """Yield a text as transcripts hold it, each with the name of the place; whole lines."""
    identity = {
        "uuid": str(rng.getrandbits(64)),
        "sessionId": "3f0d9a1e-1111-4222-8333-944455556666",
        "cwd": "/home/ada/app",
    }

    def line(value: dict[str, object], *, escape: bool = True) -> bytes:
        return json.dumps(value | identity, ensure_ascii=escape).encode() + b"\n"

    def user(content: object) -> dict[str, object]:
        return {"type": "user", "message": {"role": "user", "content": content}}

    yield "prompt", line(user(f"please use {text} for the deploy"))
    yield "end of a text", line(user(f"here it is:\n{text}"))
    yield (
        "environment",
        line({"type": "user", "toolUseResult": {"stdout": f"HOME=/root\n{text}\nPATH=/bin\n", "stderr": ""}}),
    )
    yield "colours", line({"type": "user", "toolUseResult": {"stdout": f"\x1b[32m{text}\x1b[0m\n"}})
    yield (
        "numbered lines",
        line(user([{"type": "tool_result", "content": f"     1→# local\n     2→{text}\n     3→\n"}])),
    )
    yield "not escaped", line(user(f"naïve — {text} — “quoted”"), escape=False)
    yield (
        "json in json",
        line({"type": "response_item", "payload": {"output": json.dumps({"output": f"a\n{text}\nb", "code": 0})}}),
    )
    yield "three deep", line({"payload": {"arguments": json.dumps({"text": json.dumps({"body": f"x {text} y"})})}})
    yield (
        "markdown",
        line({"type": "assistant", "message": {"content": [{"type": "text", "text": f"Run:\n```sh\n{text}\n```\n"}]}}),
    )
    yield (
        "patch",
        line({"toolUseResult": {"structuredPatch": [{"lines": [" x", *(f"+{each}" for each in text.split("\n"))]}]}}),
    )
    yield "long line", line(user("some words " * rng.randrange(2_000, 8_000) + text + " and more words" * 50))


def is_left(secret: str, result: bytes) -> bool:
    """Tell whether 20 characters in a row of a secret, or all of a shorter one, are still there."""
    plain = result.decode()
    for escape in ("\\", "\n"):
        plain = plain.replace(escape, "")
    runs = [run for run in secret.split("\n") if run and not run.startswith("-----")]
    return any(run[at : at + 20] in plain for run in runs for at in range(max(1, len(run) - 19)))
