r"""The rules of redaction: what a secret looks like, and where its format is published.

Owns the record `Rule`, the sources and the rules of tokens that have a form of their own; `_secret_contexts.py` has the
rules that need a name or a separator before the secret. How rules are searched is `redact.py`'s business.

A pattern works on raw JSON text, so an escape is seen as it is written: `\n` is two bytes, and more when JSON is nested
in a JSON string. What is replaced holds no line feed and no unescaped quote.
"""

from dataclasses import dataclass
from typing import Literal

Check = Literal["none", "token", "url", "header", "aws", "jwt", "assigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One shape of a secret; a kind with several shapes has several rules of one name.

    Attributes:
        name: what stands in the marker `[REDACTED:name]`: lower case, digits and hyphens.
        pattern: regex of what follows an anchor. A group named `secret` is what is replaced and the rest stays; without
            one the anchor and the whole match are replaced. A group `q` may hold the opening quote.
        source: where the format is published, or why the rule is ours.
        anchors: literals; every match starts with one of them.
        pivot: the part of every anchor that the scan looks for: one byte, or a word rare in transcripts.
        check: how the matched bytes are judged after the pattern has matched.
        bounded: an anchor inside a longer word does not count.
        folded: anchors and pattern are in lower case and searched in a lower-cased copy.
        reach: the token characters before the anchor belong to the secret, if there are no more than these.
        listed: an empty match opens a list of JSON strings, each one line of the secret.
    """

    name: str
    pattern: bytes
    source: str
    anchors: tuple[bytes, ...]
    pivot: bytes
    check: Check = "token"
    bounded: bool = True
    folded: bool = False
    reach: int = 0
    listed: bool = False


SOURCES = {
    "aws-access-key-id": "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    "aws-secret-key": "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    "github-token": "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/"
    " and, for the longer ghs_, the GitHub changelog of 24 April 2026",
    "gitlab-token": "https://docs.gitlab.com/security/tokens/#token-prefixes",
    "slack-token": "https://docs.slack.dev/authentication/tokens",
    "slack-webhook": "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    "stripe-key": "https://docs.stripe.com/keys",
    "stripe-webhook-secret": "https://docs.stripe.com/webhooks",
    "anthropic-key": "https://docs.claude.com/en/api/admin-api/apikeys/get-api-key",
    "openai-key": "https://platform.openai.com/docs/api-reference/authentication",
    "google-api-key": "https://cloud.google.com/docs/authentication/api-keys",
    "google-oauth-secret": "https://developers.google.com/identity/protocols/oauth2",
    "google-oauth-token": "https://developers.google.com/identity/protocols/oauth2",
    "huggingface-token": "https://huggingface.co/docs/hub/security-tokens",
    "npm-token": "https://docs.npmjs.com/about-access-tokens",
    "pypi-token": "https://pypi.org/help/#apitoken",
    "docker-token": "https://docs.docker.com/security/access-tokens/",
    "digitalocean-token": "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    "sendgrid-key": "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    "twilio-key": "https://www.twilio.com/docs/iam/api-keys",
    "mailgun-key": "https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth",
    "shopify-token": "https://shopify.dev/docs/apps/build/authentication-authorization",
    "databricks-token": "https://docs.databricks.com/aws/en/dev-tools/auth/pat",
    "doppler-token": "https://docs.doppler.com/reference/auth-token-formats",
    "linear-key": "https://linear.app/developers/graphql",
    "notion-token": "https://developers.notion.com/docs/authorization",
    "figma-token": "https://developers.figma.com/docs/rest-api/authentication/",
    "supabase-token": "https://supabase.com/docs/guides/api/api-keys",
    "vercel-token": "https://vercel.com/changelog/new-token-formats-and-secret-scanning",
    "netlify-token": "https://docs.netlify.com/api/get-started/#authentication",
    "cloudflare-token": "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats",
    "grafana-token": "https://grafana.com/docs/grafana/latest/administration/service-accounts/",
    "vault-token": "https://developer.hashicorp.com/vault/docs/concepts/tokens",
    "telegram-token": "https://core.telegram.org/bots/api#authorizing-your-bot",
    "discord-token": "https://docs.discord.com/developers/reference#authentication",
    "discord-webhook": "https://docs.discord.com/developers/resources/webhook",
    "azure-key": "https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string",
    "azure-sas": "https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas",
    "jwt": "https://www.rfc-editor.org/rfc/rfc7519",
    "age-key": "https://github.com/C2SP/C2SP/blob/main/age.md",
    "private-key": "https://www.rfc-editor.org/rfc/rfc7468 (PEM), RFC 9580 section 6.2 (PGP), OpenSSH PROTOCOL.key",
    "precedent-token": "ours: 43 base64url characters and a checksum of 6",
    "url-password": "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    "authorization": "https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2",
    "assigned-password": "ours: a name that says password, a separator and a value with enough variety",
    "assigned-secret": "ours: a name that says secret, a separator and a value with enough variety",
    "assigned-token": "ours: a name that says token, a separator and a value with enough variety",
    "assigned-key": "ours: a name that says API key, a separator and a value with enough variety",
}

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_END = f"(?!{_W})"
_SLASH = r"\\{0,7}/"
# A digit or an upper-case letter within reach tells a token from a slug.
_DIGIT = f"(?={_W}{{0,40}}?[0-9])"
_UPPER = f"(?={_W}{{0,40}}?[A-Z])"


def _token(
    name: str,
    anchors: str,
    pattern: str,
    *,
    pivot: str = "",
    check: Check = "token",
    reach: int = 0,
    bounded: bool = True,
) -> Rule:
    """A rule with its own prefix; the pivot is the last byte of the anchors unless given."""
    words = tuple(anchors.encode().split())
    return Rule(
        name=name,
        pattern=pattern.encode(),
        source=SOURCES[name],
        anchors=words,
        pivot=pivot.encode() or words[0][-1:],
        check=check,
        bounded=bounded and not reach,
        reach=reach,
    )


TOKENS: tuple[Rule, ...] = (
    _token("aws-access-key-id", "AKIA ASIA", f"[A-Z0-9]{{16}}{_END}"),
    _token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", f"{_A}{{36,255}}+(?!{_A})"),
    _token("github-token", "ghs_", rf"[0-9]{{1,20}}+_eyJ{_W}{{8,}}+(?:\.{_W}++){{1,2}}+"),
    _token("github-token", "github_pat_", "[A-Za-z0-9_]{50,255}+(?![A-Za-z0-9_])"),
    _token(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-",
        rf"{_W}{{20,300}}+(?:\.[0-9a-z]{{2}}\.?[0-9a-z]{{7,9}}+)?{_END}",
    ),
    _token(
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxo- xoxc- xoxd- xapp-",
        f"{_DIGIT}[A-Za-z0-9%+/=-]{{16,512}}+",
    ),
    _token("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_", f"{_A}{{16,247}}+(?!{_A})"),
    _token("stripe-webhook-secret", "whsec_", "[A-Za-z0-9+/=]{24,128}+(?![A-Za-z0-9+/=])"),
    _token("anthropic-key", "sk-ant-", f"{_W}{{24,256}}+{_END}"),
    _token("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-or-", f"{_W}{{24,256}}+{_END}"),
    _token("openai-key", "sk-", f"{_DIGIT}{_A}{{32,64}}+{_END}"),
    _token("google-api-key", "AIza", f"{_W}{{35}}{_END}", pivot="A"),
    _token("google-oauth-secret", "GOCSPX-", f"{_W}{{20,64}}+{_END}"),
    _token("google-oauth-token", "ya29.", r"[A-Za-z0-9_.-]{20,2048}+"),
    _token("huggingface-token", "hf_ api_org_", f"{_A}{{30,64}}+{_END}"),
    _token("npm-token", "npm_", f"{_A}{{36}}{_END}"),
    _token("pypi-token", "pypi-", f"{_UPPER}{_W}{{40,256}}+{_END}"),
    _token("docker-token", "dckr_pat_ dckr_oat_", f"{_W}{{20,64}}+{_END}"),
    _token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", f"[a-f0-9]{{64}}{_END}"),
    _token("sendgrid-key", "SG.", rf"{_W}{{16,32}}+\.{_W}{{16,64}}+{_END}"),
    _token("twilio-key", "SK", f"[0-9a-f]{{32}}{_END}", pivot="K"),
    _token("mailgun-key", "key-", f"(?<!-key-)[0-9a-f]{{32}}{_END}"),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_ shpua_", f"[a-fA-F0-9]{{32}}{_END}"),
    _token("databricks-token", "dapi", f"[a-f0-9]{{32}}(?:-[0-9])?{_END}", pivot="dapi"),
    _token(
        "doppler-token",
        "dp.pt. dp.ct. dp.sa. dp.said. dp.scim. dp.audit. dp.st. dp.st.dev. dp.st.stg. dp.st.prd. dp.st.ci.",
        f"{_A}{{40,44}}+{_END}",
    ),
    _token("linear-key", "lin_api_ lin_oauth_", f"{_A}{{32,64}}+{_END}"),
    _token("notion-token", "ntn_ secret_", f"{_A}{{40,50}}+{_END}"),
    _token("figma-token", "figd_ figu_", f"{_W}{{36,128}}+{_END}"),
    _token("supabase-token", "sbp_", f"(?:v0_|oauth_)?[a-f0-9]{{40}}{_END}"),
    _token("supabase-token", "sb_secret_", f"{_W}{{20,64}}+{_END}"),
    _token("vercel-token", "vcp_ vci_ vca_ vcr_ vck_", f"{_A}{{24,128}}+{_END}"),
    _token("netlify-token", "nfp_ nfc_ nfo_ nfu_ nfb_", f"{_W}{{36,64}}+{_END}"),
    _token("cloudflare-token", "cfk_ cfut_ cfat_", f"{_W}{{40,64}}+{_END}"),
    _token("grafana-token", "glsa_", f"{_A}{{32}}_[A-Fa-f0-9]{{8}}{_END}"),
    _token("vault-token", "hvs. hvb.", f"{_W}{{24,300}}+{_END}"),
    _token("telegram-token", ":AA", f"(?<=[0-9]{{8}}:AA){_W}{{32,33}}+{_END}", reach=2048),
    _token(
        "discord-token",
        ".",
        rf"(?={_W}{{6}}\.{_W}{{27}})(?:(?<=[MNO]{_W}{{23}}\.)|(?<=[MNO]{_W}{{24}}\.)|(?<=[MNO]{_W}{{25}}\.))"
        rf"{_W}{{6}}\.{_W}{{27,40}}+{_END}",
        reach=2048,
    ),
    _token("jwt", ".eyJ", rf"(?<={_W}{{8}}\.eyJ){_W}{{8,}}+(?:\.{_W}++)?", check="jwt", pivot=".", reach=2048),
    _token("age-key", "AGE-SECRET-KEY-", f"(?:PQ-)?1[A-Z0-9]{{50,80}}+{_END}"),
    _token("precedent-token", "prec_", f"{_W}{{43}}{_A}{{6}}{_END}"),
)
