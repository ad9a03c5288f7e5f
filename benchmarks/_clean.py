"""Lines without a secret that look as if they had one: identifiers, hashes, lock files, code, documentation."""

import base64
import json
import string
import uuid
from collections.abc import Callable, Iterator
from random import Random

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
WORDS = (
    "account batch bucket cache client column config cursor entry event filter handler header index invoice job limit "
    "line lock message offset order owner page parser payload plan price queue record region report request result "
    "retry row schema session shard snapshot source state stream table target task total user value view window worker"
).split()
NAMES = (
    "token password secret apiKey api_key accessToken refresh_token client_secret passwd auth_token secretKey".split()
)
DOCUMENTED = """
export API_KEY=<your-api-key>
export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
OPENAI_API_KEY=sk-your-key-here
ANTHROPIC_API_KEY="sk-ant-..."
password: ${{ secrets.DEPLOY_PASSWORD }}
token: $(gh auth token)
DATABASE_URL=postgres://user:password@localhost:5432/app
DATABASE_URL=postgres://postgres:postgres@db:5432/postgres
redis://:${REDIS_PASSWORD}@cache:6379/0
Authorization: Bearer <token>
Authorization: Bearer $TOKEN
curl -H "Authorization: Bearer ${API_TOKEN}" https://api.example.com/v1
curl -u "$USER:$PASSWORD" https://ci.internal/job
curl -u username:password https://example.com
docker login -u ci --password-stdin registry.internal
mysql --user=root --password app
gh auth login --with-token < token.txt
The --token option takes the name of a file.
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"auth": {"type": "oauth2", "scopes": ["read", "write"]}
"password": "changeme"
password = getpass.getpass("Password: ")
secret: my-service-tls-secret-v2
secretName: ingress-tls-2024
const token = await getToken(session.id);
const password = process.env.DB_PASSWORD ?? "";
api_key = os.environ["SERVICE_API_KEY_2"]
self.token = token or load_token(path)
if password != confirmation: raise ValueError("passwords differ")
PASSWORD_MIN_LENGTH = 12
token_type = "bearer"
"input_tokens":12873,"cache_read_input_tokens":98231,"output_tokens":417
max_tokens: 4096, token_count=18233
PASS tests/unit/test_tokens.py::test_secret_2 (0.42s)
--- PASS: TestPassword_Reset2 (0.00s)
Enter passphrase for key '/home/ada/.ssh/id_ed25519':
SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLVdr7RqkTyk ada@laptop
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGrtkhEy8bPNzWvJdxM6oYmCDj2kxQcZr5ycYxsUy1Y ada@laptop
-----BEGIN PUBLIC KEY-----
-----BEGIN CERTIFICATE-----
https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX
git clone https://github.com/team/app.git && git@github.com:team/app.git
npm_config_registry=https://registry.npmjs.org/
sk-learn-contrib-package-with-a-long-name-2024
task-7f3a-rework-the-export-of-invoices-2025
s3://bucket/key-0123456789abcdef0123456789abcdef/part-0001
""".strip().splitlines()


class Clean:
    """Makes such lines from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(f"clean {seed}")

    def lines(self, count: int) -> Iterator[bytes]:
        """Yield whole lines as transcripts hold them: one to some kilobytes of text each, an image now and then."""
        kinds = [
            self._documented,
            self._code,
            self._minified,
            self._lock,
            self._log,
            self._hashes,
            self._listing,
            self._environment,
        ]
        for number in range(count):
            text = self._image() if number % 400 == 399 else kinds[number % len(kinds)]()
            yield self._line(text, number)

    def _line(self, text: str, number: int) -> bytes:
        identity = {key: self._uuid() for key in ("uuid", "parentUuid", "sessionId")}
        block: dict[str, object] = {
            "type": "tool_result",
            "tool_use_id": f"toolu_01{self._text(ALNUM, 22)}",
            "content": text,
        }
        if number % 4 == 1:
            message = {
                "id": f"msg_01{self._text(ALNUM, 22)}",
                "content": [{"type": "text", "text": text}],
                "role": "assistant",
            }
            record: dict[str, object] = {
                "type": "assistant",
                "requestId": f"req_011{self._text(ALNUM, 20)}",
                "message": message,
            }
        elif number % 4 == 2:
            output = json.dumps({"output": text, "metadata": {"exit_code": 0}})
            record = {
                "type": "response_item",
                "payload": {"call_id": f"call_{self._text(ALNUM, 24)}", "output": output},
            }
        elif number % 4 == 3:
            thought = {"type": "thinking", "thinking": text, "signature": self._base64(400)}
            record = {
                "type": "assistant",
                "message": {"content": [thought]},
                "encrypted_content": "gAAAAAB" + self._url(300),
            }
        else:
            record = {"type": "user", "message": {"role": "user", "content": [block]}}
        return json.dumps(record | identity).encode() + b"\n"

    def _documented(self) -> str:
        return "\n".join(self.rng.choices(DOCUMENTED, k=6))

    def _code(self) -> str:
        word, name = self.rng.choice, self.rng.choice(NAMES)
        forms = (
            f"{name} = {word(WORDS)}_{word(WORDS)}({word(WORDS)}.{name})",
            f"const {name} = req.headers['x-{word(WORDS)}-{word(WORDS)}'];",
            f'"{name}": "{word(WORDS)}-{word(WORDS)}-{word(WORDS)}",',
            f"{name}: {word(WORDS).title()}{word(WORDS).title()} | None = None",
            f'parser.add_argument("--{name}", help="{word(WORDS)} of the {word(WORDS)}")',
            f"assert {name} == fake_{name}({self.rng.randrange(999)})",
            f"/** The {name} of a {word(WORDS)}; see {word(WORDS).title()}#{name}. */",
            f'log.info("{name}=%s {word(WORDS)}=%d", mask({name}), {word(WORDS)})',
            f"{name.upper()}_FILE=/run/secrets/{word(WORDS)}_{name}",
        )
        return "\n".join(self.rng.choices(forms, k=8))

    def _minified(self) -> str:
        letters = string.ascii_lowercase
        pieces = []
        for _ in range(40):
            a, b, c = self.rng.choices(letters, k=3)
            pieces.append(
                self.rng.choice(
                    (
                        f"function {a}({b},{c}){{return {b}.token||{c}[{self.rng.randrange(99)}]}}",
                        f"var {a}={b}?{c}:void 0,{b}={{key:{a},password:{c}.password}};",
                        f'{a}.exports={{secret:"{self.rng.choice(WORDS)}",{b}:!0}},',
                        f'"https://"+{a}+":"+{b}+"@"+{c}.host;',
                        f"{a}=>{b}.{self.rng.choice(WORDS)}({c},0x{self._text(HEX, 6)}),",
                    )
                )
            )
        return "".join(pieces)

    def _lock(self) -> str:
        rows = []
        for _ in range(5):
            name = f"{self.rng.choice(WORDS)}-{self.rng.choice(WORDS)}"
            rows += [
                f'"node_modules/@{name}": {{"version": "{self.rng.randrange(9)}.{self.rng.randrange(20)}.0",',
                f'"resolved": "https://registry.npmjs.org/{name}/-/{name}-1.2.3.tgz",',
                f'"integrity": "sha512-{self._base64(66)}"}},',
                f"    --hash=sha256:{self._text(HEX, 64)}",
                f'checksum = "{self._text(HEX, 64)}"',
                f"github.com/{name} v1.2.3 h1:{self._base64(33)}",
            ]
        return "\n".join(rows)

    def _log(self) -> str:
        rng = self.rng
        return "\n".join(
            f"2026-0{rng.randrange(1, 9)}-1{rng.randrange(9)}T10:00:00.{rng.randrange(999):03}Z INFO "
            f"{rng.choice(WORDS)} trace={self._text(HEX, 32)} span={self._text(HEX, 16)} token={self._uuid()} "
            f"path=/v1/{rng.choice(WORDS)}s/{rng.randrange(10**9)} tokens={rng.randrange(9999)}"
            for _ in range(5)
        )

    def _hashes(self) -> str:
        return "\n".join(
            [
                f"commit {self._text(HEX, 40)}",
                f"index {self._text(HEX, 7)}..{self._text(HEX, 7)} 100644",
                f"sha256:{self._text(HEX, 64)}",
            ]
            + [f"{self._text(HEX, 40)} refs/heads/{self.rng.choice(WORDS)}" for _ in range(4)]
            + [
                f"{self._text(HEX, 32)}  {self.rng.choice(WORDS)}.tar.gz",
                f'ETag: W/"{self._text(HEX, 32)}"',
                self._url(90),
            ]
        )

    def _listing(self) -> str:
        word = self.rng.choice
        return "\n".join(
            f"-rw-r--r-- 1 ada ada {self.rng.randrange(99999)} Jan 1 src/{word(WORDS)}/{word(WORDS)}_{word(NAMES)}.py"
            for _ in range(9)
        )

    def _environment(self) -> str:
        word = self.rng.choice
        ends = ("ID", "PATH", "URL", "KEY_PATH", "TOKEN_FILE", "SECRET_NAME")
        values: tuple[Callable[[], str], ...] = (
            lambda: f"/etc/{word(WORDS)}/{word(WORDS)}.pem",
            lambda: f"https://{word(WORDS)}.internal:8443/{word(WORDS)}",
            lambda: f"{word(WORDS)}-{self.rng.randrange(99)}",
        )
        return "\n".join(f"{word(WORDS).upper()}_{word(ends)}={word(values)()}" for _ in range(8))

    def _image(self) -> str:
        return "data:image/png;base64," + self._base64(30_000)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _text(self, alphabet: str, size: int) -> str:
        return "".join(self.rng.choices(alphabet, k=size))

    def _base64(self, size: int) -> str:
        return base64.b64encode(self.rng.randbytes(size)).decode()

    def _url(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.rng.randbytes(size)).decode()
