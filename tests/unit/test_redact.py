"""Secrets are scrubbed, and nothing else is touched. Every fake secret is made when it runs."""

import base64
import json
import os
import random
import re
import string
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precedent.archive.redact import AHEAD_BYTES, BEHIND_BYTES, RULES, Rule, redact, redact_within

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
CORPUS = os.environ.get("PRECEDENT_CORPUS")  # read at import: fixtures may clear the environment
MARKER = re.compile(r"\[REDACTED:[a-z0-9-]+\]")


class Maker:
    """Fake secrets of every kind from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def text(self, alphabet: str, size: int) -> str:
        return "".join(self.rng.choices(alphabet, k=size))

    def token(self, prefix: str, alphabet: str, size: int) -> Callable[[], str]:
        return lambda: prefix + self.text(alphabet, size)

    def ends_alnum(self, prefix: str, size: int) -> str:
        return prefix + self.text(URLSAFE, size - 1) + self.text(ALNUM, 1)

    def jwt(self) -> str:
        part = [
            base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=")
            for p in ({"alg": "HS256"}, {"sub": self.text(HEX, 12)})
        ]
        return ".".join([*part, self.text(URLSAFE, 42) + "a"])

    def pem(self, kind: str, block: str = "") -> str:
        lines = [self.text(BASE64, 64) for _ in range(6)] + [self.text(BASE64, 18) + "=="]
        dashes = "-" * 5
        name = f"{kind}PRIVATE {'KEY'}{block}"
        return "\n".join([f"{dashes}BEGIN {name}{dashes}", *lines, f"{dashes}END {name}{dashes}"])

    def password(self) -> str:
        parts = [
            self.text(string.ascii_lowercase, 4),
            self.text(string.digits, 3),
            self.text(string.ascii_uppercase, 3),
            self.text("!#%*", 1),
        ]
        self.rng.shuffle(parts)
        return "".join(parts)


def tokens(make: Maker) -> dict[str, list[Callable[[], str]]]:
    """Secrets that are known by their own form."""
    t = make.token
    return {
        "aws-access-key-id": [t("AK" + "IA", UPPER, 16), t("AS" + "IA", UPPER, 16)],
        "github-token": [t(f"gh{c}_", ALNUM, 36) for c in "pousr"]
        + [
            lambda: "github_" + "pat_" + make.text(ALNUM, 22) + "_" + make.text(ALNUM, 59),
            lambda: "ghs" + "_123456_" + make.jwt(),
        ],
        "gitlab-token": [lambda: make.ends_alnum("glpat" + "-", 20), lambda: make.ends_alnum("glrt" + "-", 20)],
        "slack-token": [
            lambda: (
                f"xox{make.rng.choice('bp')}-{make.text('123456789', 12)}-{make.text('123456789', 12)}-"
                + make.text(ALNUM, 24)
            )
        ],
        "slack-webhook": [
            lambda: (
                "https://hooks.slack"
                + f".com/services/T{make.text(UPPER, 8)}/B{make.text(UPPER, 10)}/"
                + make.text(ALNUM, 24)
            )
        ],
        "stripe-key": [t("sk_" + "live_", ALNUM, 24), t("rk_" + "live_", ALNUM, 99)],
        "stripe-webhook-secret": [t("whsec" + "_", ALNUM, 32)],
        "anthropic-key": [lambda: make.ends_alnum("sk-" + "ant-api03-", 95)],
        "openai-key": [
            t("sk" + "-", ALNUM, 48),
            lambda: make.ends_alnum("sk-" + "proj-", 120),
            lambda: make.ends_alnum("sk-" + "svcacct-", 60),
        ],
        "google-api-key": [lambda: make.ends_alnum("AI" + "za", 35)],
        "google-oauth-secret": [lambda: make.ends_alnum("GOC" + "SPX-", 28)],
        "google-oauth-token": [lambda: make.ends_alnum("ya" + "29.a0", 160)],
        "huggingface-token": [t("hf" + "_", string.ascii_letters, 34)],
        "npm-token": [t("npm" + "_", ALNUM, 36)],
        "pypi-token": [lambda: make.ends_alnum("pypi" + "-AgEIcHlwaS5vcmc", 150)],
        "docker-token": [lambda: make.ends_alnum("dckr" + "_pat_", 27)],
        "digitalocean-token": [t("dop" + "_v1_", HEX, 64)],
        "sendgrid-key": [lambda: "SG" + "." + make.ends_alnum("", 22) + "." + make.ends_alnum("", 43)],
        "twilio-key": [t("S" + "K", HEX, 32)],
        "mailgun-key": [t("key" + "-", HEX, 32)],
        "shopify-token": [t(f"shp{k}_", HEX, 32) for k in ("at", "ca", "pa", "ss")],
        "databricks-token": [t("da" + "pi", HEX, 32)],
        "doppler-token": [t("dp" + ".pt.", ALNUM, 43), t("dp" + ".st.dev.", ALNUM, 43)],
        "linear-key": [t("lin" + "_api_", ALNUM, 40)],
        "notion-token": [t("ntn" + "_", ALNUM, 46), t("secret" + "_", ALNUM, 43)],
        "figma-token": [lambda: make.ends_alnum("fig" + "d_", 40)],
        "supabase-token": [t("sb" + "p_", HEX, 40), t("sb_" + "secret_", ALNUM, 31)],
        "vercel-token": [t("vc" + "p_", ALNUM, 56)],
        "netlify-token": [t("nf" + "p_", ALNUM, 36)],
        "cloudflare-token": [t("cf" + "ut_", ALNUM, 48)],
        "grafana-token": [lambda: "glsa" + "_" + make.text(ALNUM, 32) + "_" + make.text(HEX, 8)],
        "vault-token": [t("hv" + "s.", ALNUM, 90)],
        "telegram-token": [lambda: make.text("123456789", 10) + ":A" + "A" + make.ends_alnum("", 33)],
        "discord-token": [
            lambda: "MT" + make.text(ALNUM, 24) + "." + make.ends_alnum("G", 5) + "." + make.ends_alnum("", 38)
        ],
        "discord-webhook": [
            lambda: f"https://discord.com/api/webhooks/{make.text('123456789', 18)}/" + make.ends_alnum("", 68)
        ],
        "azure-key": [
            lambda: "DefaultEndpointsProtocol=https;AccountName=x;Account" + "Key=" + make.text(BASE64, 86) + "=="
        ],
        "azure-sas": [
            lambda: "https://x.blob.core.windows.net/c?sv=2024-11-04&sr=c&si" + "g=" + make.text(ALNUM, 43) + "%3D"
        ],
        "jwt": [make.jwt],
        "age-key": [t("AGE-SECRET" + "-KEY-1", UPPER, 58)],
        "private-key": [
            lambda: make.pem(""),
            lambda: make.pem("RSA "),
            lambda: make.pem("OPENSSH "),
            lambda: make.pem("PGP ", " BLOCK"),
        ],
        "precedent-token": [lambda: "pre" + "c_" + make.text(URLSAFE, 43) + make.text(ALNUM, 6)],
    }


def in_context(make: Maker) -> dict[str, list[Callable[[], tuple[str, str]]]]:
    """Secrets that are known by what stands before them: (text, the secret in it)."""

    def form(template: str, secret: Callable[[], str]) -> Callable[[], tuple[str, str]]:
        def build() -> tuple[str, str]:
            value = secret()
            return template.replace("@@", value), value

        return build

    def mixed(size: int) -> Callable[[], str]:
        return lambda: "a7" + make.text(ALNUM, size - 2)

    forms = {
        "aws-secret-key": [
            ("AWS_SECRET_ACCESS_KEY=@@", lambda: make.text(BASE64, 40)),
            ('"SecretAccessKey": "@@"', lambda: make.text(BASE64, 40)),
        ],
        "url-password": [
            (f"{scheme}://svc:@@@db.internal:5432/app", mixed(14))
            for scheme in ("postgres", "mysql", "mongodb+srv", "redis", "amqp", "https")
        ],
        "authorization": [
            ("curl -H 'Authorization: Bearer @@' https://api.internal/v1", mixed(40)),
            (
                '{"Authorization": "Basic @@"}',
                lambda: base64.b64encode(("ops:" + make.text(ALNUM, 12)).encode()).decode(),
            ),
        ],
        "assigned-password": [
            ("DB_PASSWORD=@@", make.password),
            ('password = "@@"', make.password),
            ("password: '@@'", make.password),
            ("SMTP_PASS=@@", mixed(12)),
            ('{"user": "ops", "pwd": "@@"}', make.password),
        ],
        "assigned-secret": [
            ("client_secret: '@@'", mixed(32)),
            ('SECRET_KEY_BASE="@@"', lambda: make.text(HEX, 64)),
            ("SESSION_SECRET=@@", mixed(24)),
        ],
        "assigned-token": [
            ('const token = "@@";', mixed(24)),
            ("X-Auth-Token: @@", mixed(32)),
            ("VERCEL_TOKEN=@@", mixed(24)),
        ],
        "assigned-key": [('api_key: "@@"', mixed(32)), ("SERVICE_API_KEY=@@", mixed(40)), ("x-api-key: @@", mixed(36))],
    }
    return {name: [form(*pair) for pair in pairs] for name, pairs in forms.items()}


def contexts(text: str) -> Iterator[bytes]:
    """A text as transcripts hold it: in a prompt, a shell's output, a .env file, a tool's result, JSON within JSON."""
    ident = "3f0d9a1e-1111-4222-8333-944455556666"
    yield line(
        {"type": "user", "uuid": ident, "message": {"role": "user", "content": f"please use {text} for the deploy"}}
    )
    yield line(
        {"type": "user", "toolUseResult": {"stdout": f"$ env\n\u001b[32m{text}\u001b[0m\nHOME=/root\n", "stderr": ""}}
    )
    block = {
        "type": "tool_result",
        "tool_use_id": "toolu_01AbCdEfGhIjKlMnOpQrStUv",
        "content": f"     1\u2192# local\n     2\u2192{text}\n",
    }
    yield line({"type": "user", "message": {"content": [block]}})
    inner = json.dumps({"output": json.dumps({"text": f"a\n{text}\nb"}), "metadata": {"exit_code": 0}})
    yield line(
        {"type": "response_item", "payload": {"type": "function_call_output", "call_id": "call_x", "output": inner}}
    )


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def labelled(seed: int, *, rounds: int) -> Iterator[tuple[str, str, str]]:
    make = Maker(seed)
    for _ in range(rounds):
        for name, kinds in tokens(make).items():
            for kind in kinds:
                secret = kind()
                yield name, secret, secret
        for name, forms in in_context(make).items():
            for build in forms:
                yield name, *build()


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def is_left(secret: str, result: bytes) -> bool:
    """Whether a run of 20 of the secret's characters, or all of a shorter one, is still there."""
    size = min(20, len(secret))
    plain = re.sub(r"\\+[nru/]", "\n", result.decode()).replace("\\", "")
    return any(
        secret[at : at + size] in plain
        for at in range(max(1, len(secret) - size + 1))
        if "\n" not in secret[at : at + size]
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_at_least_99_percent_of_the_labelled_secrets_are_scrubbed(seed: int) -> None:
    missed: list[str] = []
    total = 0
    for name, text, secret in labelled(seed, rounds=5):
        for data in contexts(text):
            total += 1
            result, counts = redact(data)
            assert json.loads(result)
            tail = secret.rsplit("/", 1)[-1].rsplit("Key=", 1)[-1].rsplit("sig=", 1)[-1]
            if not counts or is_left(
                tail if name in ("slack-webhook", "discord-webhook", "azure-key", "azure-sas") else secret, result
            ):
                missed.append(f"{name}: {result[:300]!r}")
    assert total >= 300
    assert len(missed) <= total * 0.01, (len(missed), total, missed[:10])


def test_the_labelled_set_is_found_under_the_names_of_its_rules() -> None:
    for name, text, _secret in labelled(3, rounds=3):
        for data in contexts(text):
            assert name in redact(data).counts, (name, data[-400:])


def test_every_rule_names_its_source() -> None:
    assert all(rule.source.startswith(("https://", "ours:")) for rule in RULES)
    assert all(re.fullmatch("[a-z0-9-]+", rule.name) for rule in RULES)
    assert all(rule.pivot in anchor for rule in RULES for anchor in rule.anchors)


def harmless() -> Iterator[str]:
    rng = random.Random(5)
    make = Maker(5)
    for _ in range(60):
        yield str(uuid.UUID(int=rng.getrandbits(128), version=4))
        yield f"token: {uuid.UUID(int=rng.getrandbits(128), version=4)}"
        yield make.text(HEX, 40)
        yield f"commit {make.text(HEX, 40)}\nindex {make.text(HEX, 7)}..{make.text(HEX, 7)} 100644"
        yield "sha256:" + make.text(HEX, 64)
        yield from (prefix + make.text(ALNUM, 24) for prefix in ("msg_01", "toolu_01", "req_011", "call_"))
        yield base64.b64encode(rng.randbytes(3000)).decode()
        yield base64.urlsafe_b64encode(rng.randbytes(3000)).decode()
        yield "gAAAAAB" + base64.urlsafe_b64encode(rng.randbytes(900)).decode()


PLACEHOLDERS = (
    "password=xxxxxxxxxxxx",
    'api_key: "<your-api-key>"',
    "TOKEN=${GITHUB_TOKEN}",
    "TOKEN=$GITHUB_TOKEN_2",
    'password = "changeme123"',
    "const token = process.env.API_TOKEN2;",
    'secret = os.environ["APP_SECRET_1"]',
    'secret: "example-secret-42"',
    "password=[REDACTED:assigned-password]",
    'token: "[REDACTED:github-token]"',
    "postgres://user:password@localhost/db",
    "postgres://user:${DB_PASS}@localhost/db",
    "https://user:<password>@host/",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <token>",
    "Authorization: Bearer ${process.env.TOKEN}",
    "password: string;",
    "password = getpass.getpass()",
    "token = tokenizer.next_token2(line)",
    "secret_name: my-app-tls-secret-v2",
    '"secret": "oauth2-client-secret"',
    "tokens: 1234567890",
    '"input_tokens":123456789,"output_tokens":12',
    "PWD=/home/dev/work2/project3",
    "token_path: /run/secrets/token2",
    "ghp_" + "x" * 36,
    "sk-ant-" + "api03-your-key-goes-here-please-replace",
    "AK" + "IAIOSFODNN7EXAMPLE",
    "-" * 5 + "BEGIN PRIVATE " + "KEY-----\\n...\\n-----END PRIVATE KEY" + "-" * 5,
    "task-management-for-the-whole-company-2024-and-later",
    "http://localhost:8080/users/a@b.example",
    "git@github.com:org/repo.git",
    "--- PASS: TestSHA256Sum_Case2 (0.00s)\nPASS: TestV2Key3Rotation",
    "postgresql://scott:tiger@localhost/test",
    "npm_config_registry_and_other_long_names_here",
)


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_placeholders_and_code_stay(text: str) -> None:
    for data in contexts(text):
        assert redact(data) == (data, {})


def test_identifiers_hashes_and_blobs_stay() -> None:
    for text in harmless():
        for data in contexts(text):
            assert redact(data) == (data, {})
        for key in ("signature", "encrypted_content", "requestId", "data", "uuid", "id"):
            data = line({"type": "assistant", key: text})
            assert redact(data) == (data, {})


@pytest.mark.skipif(CORPUS is None, reason="PRECEDENT_CORPUS names no folder of real transcripts")
def test_at_most_one_false_hit_in_10_000_lines_of_real_transcripts() -> None:
    lines = hits = 0
    for path in sorted(Path(CORPUS or "").rglob("*.json*")):
        data = path.read_bytes()
        lines += data.count(b"\n")
        hits += sum(redact(data).counts.values())
    assert lines > 5_000
    assert hits <= lines / 10_000


def test_private_key_is_scrubbed_whole_however_it_is_shown() -> None:
    make = Maker(9)
    key = make.pem("RSA ")
    body = key.split("\n")
    numbered = "\n".join(f"{n:6}\u2192{text}" for n, text in enumerate(body, 1))
    added = "\n".join("+" + text for text in body)
    source = " +\n".join(json.dumps(text + "\n") for text in body)
    cut = "\n".join(body[:3]) + "\n" + body[3][:20]
    for text in (key, numbered, added, source, cut, key.replace("\n", "\r\n")):
        for data in contexts(text):
            result, counts = redact(data)
            assert counts == {"private-key": 1}
            assert json.loads(result)
            assert not any(part[-16:] in result.decode() for part in body[1:4])


def test_private_key_in_a_patch_is_scrubbed_line_by_line() -> None:
    body = Maker(10).pem("EC ").split("\n")
    data = line({"toolUseResult": {"structuredPatch": [{"lines": ["+" + text for text in body]}]}})
    result = redact(data).data
    found = json.loads(result)["toolUseResult"]["structuredPatch"][0]["lines"]
    assert len(found) == len(body)
    assert not any(text in result.decode() for text in body[1:-1])


def test_escapes_around_a_secret_are_not_broken() -> None:
    make = Maker(11)
    tail = make.text(ALNUM, 36)
    for raw in (
        f'{{"a":"\\n{"npm"}_{tail}"}}',
        f'{{"a":"x\\\\{"npm"}_{tail}"}}',
        f'{{"a":"\\u00da{"da"}pi{make.text(HEX, 32)}"}}',
        f'{{"a":"{{\\"token\\":\\"{"ghp"}_{tail}\\"}}"}}',
        f'{{"password":"ab\\"cd{make.text(ALNUM, 8)}7\\\\"}}',
        f'{{"a":"password=\\"k{make.text(ALNUM, 9)}7\\\\\\""}}',
        f'{{"a":"PASSWORD=k7{make.text(ALNUM, 9)}\\\\"}}',
        f'{{"a":"\\u00da{"SK"}{make.text(HEX, 32)}"}}',
    ):
        data = raw.encode() + b"\n"
        json.loads(data)
        assert isinstance(json.loads(redact(data).data), dict)
    assert redact(f'{{"a":"\\n{"npm"}_{tail}"}}'.encode()).data == b'{"a":"\\n[REDACTED:npm-token]"}'


def test_url_keeps_user_and_host() -> None:
    data = line({"text": "postgres://svc:" + "s7Kd93hfQz" + "@db.internal/app"})
    assert redact(data).data == line({"text": "postgres://svc:[REDACTED:url-password]@db.internal/app"})


def test_lines_do_not_depend_on_their_neighbours() -> None:
    make = Maker(12)
    lines = [data for _name, text, _secret in labelled(13, rounds=1) for data in contexts(text)]
    make.rng.shuffle(lines)
    assert redact(b"".join(lines)).data == b"".join(redact(data).data for data in lines)


def test_counts_say_what_was_replaced() -> None:
    make = Maker(14)
    first, second = (make.text(ALNUM, 36) for _ in range(2))
    data = line({"a": "ghp" + f"_{first} gho" + f"_{second}", "b": "npm" + f"_{first}"})
    assert redact(data).counts == {"github-token": 2, "npm-token": 1}


def test_nothing_in_nothing_out() -> None:
    assert redact(b"") == (b"", {})


ADVERSARIAL = [
    *{anchor for rule in RULES for anchor in rule.anchors},
    b"_",
    b"-",
    b"-----",
    b".",
    b"\\",
    b"://a:",
    b"://a:b@",
    b"eyJ.eyJ",
    b".eyJaaaaaaaa",
    b'password="',
    b"password='a",
    b"token=token:",
    b"secret: secret_key=",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----BEGIN PRIVATE KEY-----\\n" + b"A" * 40,
    b"MMMMMM.",
    b"aA1_",
    b"Authorization: Bearer ",
    b'api_key: "a1b2c3d4e5',
    b"token=aaaaaaaa ",
    b"hooks.slack.com/services/",
]


def processor_time(work: Callable[[bytes], object], data: bytes) -> float:
    start = time.process_time()
    work(data)
    return time.process_time() - start


def growth(piece: bytes, *, size: int) -> tuple[float, float] | None:
    """Return the times for a quarter of the size and for all of it if they are out of proportion; None if not.

    Four times as much takes four times as long in linear time and sixteen times in quadratic time, on any machine.
    """
    data = piece * (size // len(piece))
    quarter = data[: len(data) // 4]
    spent = processor_time(redact, data)
    if spent < 0.2:  # quadratic time would be minutes
        return None
    before, spent = (min(processor_time(redact, each) for _ in range(3)) for each in (quarter, data))
    return (before, spent) if spent > 8 * before else None


def test_adversarial_input_takes_linear_time() -> None:
    slow = {}
    for piece in ADVERSARIAL:
        for join in (b"", b" ", b"a"):
            times = growth(piece + join, size=200_000)
            if times is not None:
                slow[piece + join] = times
    assert not slow


@pytest.mark.parametrize(
    "piece", [b"ghp_", b"sk-ant-", b"eyJ.eyJ", b"://a:", b"-----BEGIN PRIVATE KEY-----", b'password="', b"\\"]
)
def test_megabytes_of_anchors_take_time_in_proportion(piece: bytes) -> None:
    assert growth(piece, size=4_000_000) is None


def same_shape(one: object, two: object) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return len(one) == len(two) and all(same_shape(a, b) for a, b in zip(one.values(), two.values(), strict=True))
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same_shape(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, str) and isinstance(two, str):
        return one == two or bool(MARKER.search(two))
    return one == two


_SAMPLES = sorted({text for seed in (21, 22) for _name, text, _secret in labelled(seed, rounds=1)})
_PIECES = st.one_of(
    st.sampled_from(_SAMPLES),
    st.sampled_from([anchor.decode() for rule in RULES for anchor in rule.anchors]),
    st.sampled_from(
        [
            "\\",
            '"',
            "\n",
            "\\n",
            "\\u00",
            "'",
            "=",
            ": ",
            "@",
            "/",
            "password",
            "token=",
            "&",
            "n",
            "u0041",
            " ",
            "é",
            "]",
            "x" * 9,
        ]
    ),
    st.text(alphabet=ALNUM + "+/=_-", min_size=1, max_size=24),
    st.text(max_size=8),
)
_TEXTS = st.lists(_PIECES, max_size=6).map("".join)
_VALUES = st.recursive(
    st.one_of(
        _TEXTS,
        _TEXTS.map(json.dumps),
        _TEXTS.map(lambda t: json.dumps({"password": t, "o": json.dumps([t])})),
        st.integers(),
        st.none(),
        st.booleans(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["text", "token", "password", "api_key", "secret", "content", "Authorization"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(_VALUES, st.booleans()), min_size=1, max_size=3))
def test_valid_json_stays_valid_json_of_the_same_shape(values: list[tuple[object, bool]]) -> None:
    data = b"".join(json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n" for value, ascii_only in values)
    result, counts = redact(data)
    assert result.count(b"\n") == data.count(b"\n")
    for (value, _ascii), after in zip(values, result.splitlines(), strict=False) if b"\x85" not in data else ():
        assert same_shape(value, json.loads(after))
    assert redact(result) == (result, {})
    assert (result == data) == (not counts)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=12), _PIECES.map(str.encode)), max_size=8).map(b"".join))
def test_any_bytes_are_survived_and_redacted_once(data: bytes) -> None:
    result, _counts = redact(data)
    assert result.count(b"\n") == data.count(b"\n")
    assert redact(result) == (result, {})


# The filter, and lines that are too long to be held -----------------------------------------------------------------


def spelled(rule: Rule) -> re.Pattern[bytes]:
    """A rule with its anchors spelled out, for making texts that it matches, most of them."""
    pattern = rule.pattern.replace(b"(?P<secret>", b"(?:")
    # A digit or a capital further on: the library would write it behind the text, where another end is wanted.
    pattern = re.sub(rb"\(\?=\[A-Za-z0-9_-\]\{0,40\}\?\[(?:0-9|A-Z)\]\)", b"", pattern)
    return re.compile(b"(?:%b)%b" % (b"|".join(map(re.escape, rule.anchors)), pattern))


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.name}-{number}" for number, rule in enumerate(RULES)])
def test_the_filter_passes_on_every_line_that_a_rule_changes(rule: Rule) -> None:
    around = st.sampled_from(
        [b"", b" ", b'"', b"\\n", b"a", b"9", b"\n", b"M" + b"a1" * 12, b"12345678", b"eyJhbGciOi"]
    )

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(around, st.from_regex(spelled(rule)), around).map(b"".join))
    def check(data: bytes) -> None:
        assert redact(data) == redact(data, everywhere=True)

    check()


def test_the_filter_does_not_change_what_is_found() -> None:
    lines = [data for _name, text, _secret in labelled(31, rounds=2) for data in contexts(text)]
    lines += [data for text in (*PLACEHOLDERS, *harmless()) for data in contexts(text)]
    random.Random(31).shuffle(lines)
    data = b"".join(lines)
    assert redact(data) == redact(data, everywhere=True)


def test_the_filter_goes_on_after_many_places_that_are_no_secret() -> None:
    decoys = "token = next_thing password: string; " * 500
    secret = "ghp" + "_" + Maker(32).text(ALNUM, 36)
    data = line({"text": decoys + secret}) + line({"text": decoys}) + line({"text": secret + decoys})
    assert redact(data).counts == {"github-token": 2}


def in_parts(data: bytes, *, size: int) -> tuple[bytes, int]:
    """A line scrubbed in parts of a size, each seen with what is around it; and how many secrets were found."""
    place, pieces, found = 0, [], 0
    while place < len(data):
        first = max(0, place - BEHIND_BYTES)
        end = min(place + size, len(data))
        part = redact_within(data[first : end + AHEAD_BYTES], start=place - first, end=end - first)
        pieces.append(part.data)
        found += sum(part.counts.values())
        place = first + part.end
    return b"".join(pieces), found


@pytest.mark.parametrize("size", [701, 5_000, 100_000])
def test_a_line_scrubbed_in_parts_is_the_line_scrubbed_whole(size: int) -> None:
    texts = [text for _name, text, _secret in labelled(33, rounds=1)]
    random.Random(size).shuffle(texts)
    data = line({"type": "user", "parts": [" ".join(["some words between"] * 9 + [text]) for text in texts]})
    whole, counts = redact(data)
    assert len(data) > 20_000
    assert in_parts(data, size=size) == (whole, sum(counts.values()))


@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_a_secret_across_the_end_of_a_part_is_scrubbed_whole(shift: int) -> None:
    secret = "ghp" + "_" + Maker(34).text(ALNUM, 36)
    data = line({"text": "x " * 500 + secret + " y" * 500})
    at = data.index(secret.encode())
    assert in_parts(data, size=at + shift - 5) == (redact(data).data, 1)


def test_a_private_key_across_parts_is_scrubbed_whole() -> None:
    make = Maker(35)
    key = make.pem("RSA ")
    data = line({"text": "x " * 500 + key + " y" * 500})
    for size in range(1_100, len(data), 97):
        result, found = in_parts(data, size=size)
        assert found == 1
        assert result == redact(data).data
