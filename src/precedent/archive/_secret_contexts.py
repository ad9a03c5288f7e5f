"""The rules for secrets that are known by what stands before them: a name, a header, a URL's user, the lines of a key.

Owns these rules and the forms a value takes in raw JSON; see `_secret_rules.py` for what a rule is.
"""

from precedent.archive._secret_rules import SOURCES, Check, Rule

# As in `_secret_rules.py`: a slash may be escaped.
_SLASH = r"\\{0,7}/"
_QUOTE = r"""\\{0,7}["'`]"""
_SEP = rf"""(?:{_QUOTE})?+\]?+ {{0,3}}+(?:=>|:=|[:=]) {{0,3}}+"""
_HEX_ESCAPE = r"\\{1,7}u00[2-7][0-9a-f]"
# A value without a digit or a sign is a word unless it is long; said here because refusing in Python costs 2 us.
_VARIED = r"""(?=[^\s"'`\\]{0,24}?[0-9!#$%&*+/@^~?]|[^\s"'`\\]{10})"""
_BARE = rf"""(?:[a-z0-9_+/.~!@#%^*:$?-]|{_HEX_ESCAPE}){{8,4096}}+={{0,2}}"""
_BARE_END = r"""(?=["'`\s\\,;)&<}|\]]|$)"""
# What may stand after a name that announces a secret: a JSON string of the line itself, a value quoted in any other
# way and at any depth of escaping, or a bare word as in a .env or YAML file.
_VALUE = (
    rf"""(?:{_SEP}(?:"(?P<secret>(?=[^\s"]{{8}}){_VARIED}(?:[^\s"\\]++|\\(?:["\\/]|u00[2-7][0-9a-f])){{1,99}}+)(?=")"""
    rf"""|(?P<q>\\{{1,7}}["'`]|['`])"""
    rf"""(?P<secret>{_VARIED}(?:(?!(?P=q))(?:[^\s"\\]|{_HEX_ESCAPE}|\\{{1,7}}/)){{8,512}}+)(?=(?P=q)))"""
    rf"""| ?[:=] {{0,3}}(?P<secret>(?=[a-z0-9_+/.~!@#%^*:$?\\-]{{8}}){_VARIED}"""
    rf"""{_BARE}){_BARE_END})"""
)
# What may stand after a command's option.
_ARGUMENT = (
    rf"""(?: {{1,2}}+|=)(?:(?P<q>\\{{0,7}}["']|['])"""
    rf"""(?P<secret>{_VARIED}(?:(?!(?P=q))(?:[^\s"\\]|{_HEX_ESCAPE}|\\{{1,7}}/)){{8,512}}+)(?=(?P=q))"""
    rf"""|(?P<secret>(?=[a-z0-9_+/.~!@#%^*:$?\\-]{{8}}){_VARIED}{_BARE}){_BARE_END})"""
)


def _context(
    name: str,
    anchors: str,
    pattern: str,
    *,
    pivot: str,
    check: Check = "assigned",
    folded: bool = True,
    listed: bool = False,
) -> Rule:
    """A rule that knows a secret by what stands before it; most are searched without regard to case."""
    return Rule(
        name=name,
        pattern=pattern.encode(),
        source=SOURCES[name],
        anchors=tuple(anchors.encode().split(b"|")),
        pivot=pivot.encode(),
        check=check,
        bounded=False,
        folded=folded,
        listed=listed,
    )


_KEY_WORDS = (
    "api app access auth private signing encryption master account service admin subscription functions".split()
)
# Between two base64 lines of a key: escaped line ends, line numbers, diff signs, the quotes of concatenated strings.
# An escaped quote has an odd number of backslashes before it; an even number would end the JSON string.
_GAP = r"""(?:(?!-----)(?:[^"\\\n]|\\{1,15}[nrtu/]|(?:\\\\){0,7}\\"))"""
_PEM = (
    rf"[A-Z0-9 ]{{0,24}}?PRIVATE KEY(?: BLOCK)?-----(?:\\{{1,15}}[nr])*+"
    rf"(?:{_GAP}{{0,120}}?[A-Za-z0-9+/=]{{40,}}+(?:{_GAP}{{0,48}}?[A-Za-z0-9+/=]{{40,}}+)*+|[A-Za-z0-9+/=]{{16,39}}+)"
    rf"(?:{_GAP}{{0,120}}?-----END [A-Z0-9 ]{{1,40}}-----|(?:\\{{1,15}}[nr])++[A-Za-z0-9+/=]{{1,39}}+(?=\\*[\"'.\[]))?+"
)

CONTEXTS: tuple[Rule, ...] = (
    _context("private-key", "-----BEGIN ", _PEM, pivot="-", check="none", folded=False),
    _context(
        "private-key",
        "-----BEGIN ",
        r"""[A-Z0-9 ]{0,24}?PRIVATE KEY(?: BLOCK)?-----(?P<secret>)(?=\\{0,7}" {0,2},)""",
        pivot="-",
        check="none",
        folded=False,
        listed=True,
    ),
    _context(
        "url-password",
        "://",
        r"""[^\s/:@"'\\<>()`|,;]{0,128}+:(?P<secret>(?:[^\s/@?"'\\<>`]++|\\{1,7}u00[2-7][0-9a-fA-F]){1,99}+)@""",
        pivot="://",
        check="url",
        folded=False,
    ),
    _context(
        "authorization",
        "authorization",
        rf"(?:{_QUOTE})?\]? {{0,3}}(?:=>|[:=,]) {{0,3}}(?:{_QUOTE})? {{0,2}}(?:bearer|basic|token|apikey)(?: |%20)"
        rf" {{0,2}}(?P<secret>(?:[a-z0-9._~+=-]|\\{{0,7}}/){{8,4096}}+)",
        pivot="z",
        check="header",
    ),
    _context(
        "azure-sas",
        r"?sig=|&sig=|;sig=|\u0026sig=|\u003bsig=",
        r"(?P<secret>[a-z0-9+/%]{40,128}+={0,2})",
        pivot="=",
        check="token",
    ),
    _context(
        "azure-key",
        "accountkey|sharedaccesskey|accesskey",
        r" ?= ?(?P<secret>(?:[a-z0-9+]|\\{0,7}/){40,88}+={0,2})",
        pivot="k",
        check="token",
    ),
    _context(
        "aws-secret-key",
        "secret",
        rf"[ _-]?(?:access)?[ _-]?key(?: \[[^\]\s\"\\]{{0,24}}\])?(?:{_QUOTE})?\]? {{0,3}}(?:=>|[:=>]) {{0,3}}"
        rf"(?:{_QUOTE})?"
        rf"(?P<secret>(?:[a-z0-9+=]|\\{{0,7}}/){{40}})(?![a-z0-9/+=])",
        pivot="cret",
        check="aws",
    ),
    _context(
        "assigned-secret",
        "secret",
        r"(?:[_-]?(?:access[_-]?)?key(?:[_-]?base)?|[_-]?token|[_-]?value|[_-]?hash[_-]?key)?+"
        rf"(?:[_-]?[0-9]{{1,2}})?+{_VALUE}",
        pivot="cret",
    ),
    # `PASS: TestName` is what test runners print.
    _context(
        "assigned-password",
        "pass",
        rf"(?:w(?:or)?d|phrase|code|(?!: {{0,3}}[a-z0-9]))(?:[_-]?[0-9]{{1,2}})?+{_VALUE}",
        pivot="pass",
    ),
    _context(
        "slack-webhook",
        "hooks",
        rf"\.slack\.com{_SLASH}(?P<secret>(?:services|workflows|triggers)(?:{_SLASH}[a-z0-9_-]{{6,64}}+){{2,3}})",
        pivot="k",
        check="token",
    ),
    _context(
        "discord-webhook",
        "webhooks",
        rf"{_SLASH}[0-9]{{17,20}}{_SLASH}(?P<secret>[a-z0-9_-]{{40,100}}+)",
        pivot="k",
        check="token",
    ),
    _context("assigned-password", "pwd", _VALUE, pivot="wd"),
    _context("assigned-password", "--password|--passwd|--pass|--passphrase", _ARGUMENT, pivot="--pass"),
    _context("assigned-token", "--token|--auth-token|--access-token|--api-token", _ARGUMENT, pivot="oken"),
    _context("assigned-key", "--api-key|--apikey|--access-key|--secret-key", _ARGUMENT, pivot="key"),
    _context("assigned-secret", "--secret|--client-secret", _ARGUMENT, pivot="cret"),
    _context(
        "curl-password",
        "curl",
        r"""(?:[^"\n\\|;]|\\[^\n]){0,256}? (?:-u|--user)[ =]?(?:\\{0,7}["'])?[^\s:"'\\@/$]{1,64}:"""
        r"""(?P<secret>[^\s"'\\`]{3,128}+)""",
        pivot="curl",
        check="url",
    ),
    _context(
        "netrc-password",
        "login ",
        r"[^\s\"\\]{1,64}(?: |\\{1,7}[nrt]){1,9}password {1,3}(?P<secret>[^\s\"'\\]{4,128}+)",
        pivot="login",
        check="url",
    ),
    _context(
        "registry-auth",
        '"auth|_auth',
        rf"(?:{_QUOTE})?+ {{0,3}}+[:=] {{0,3}}+(?:{_QUOTE})?+"
        r"(?P<secret>[a-z0-9+/]{10,512}+={0,2})(?![a-z0-9+/=_-])",
        pivot="auth",
        check="basic",
    ),
    _context(
        "teams-webhook",
        "/incomingwebhook/",
        r"(?P<secret>[a-z0-9]{32}+(?:/[a-z0-9-]{36})?+)",
        pivot="hook",
        check="token",
    ),
    _context(
        "assigned-token",
        "token",
        r"(?!s)(?<!next.token)(?<!nexttoken)(?<!page.token)(?<!pagetoken)(?:[_-]?secret|[_-]?value)?+"
        rf"(?:[_-]?[0-9]{{1,2}})?+{_VALUE}",
        pivot="k",
    ),
    _context(
        "assigned-key",
        "|".join(w + sep + "key" for w in _KEY_WORDS for sep in ("", "_", "-")),
        rf"(?:[_-]?[0-9]{{1,2}})?+{_VALUE}",
        pivot="k",
    ),
)
