r"""The rules of redaction: what a secret looks like, and where its format is published.

Owns the record `Rule`, and the rules of the tokens most often met that have a form of their own; `_secret_vendors.py`
has those of further vendors, `_secret_contexts.py` the rules that need a name or a separator before the secret. How
rules are searched is `redact.py`'s business.

A pattern works on raw JSON text, so an escape is seen as it is written: `\n` is two bytes, and more when JSON is nested
in a JSON string. What is replaced holds no line feed and no unescaped quote.
"""

from dataclasses import dataclass
from typing import Literal

Check = Literal["none", "token", "url", "header", "aws", "jwt", "assigned", "basic"]


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
        before: so many bytes before the anchor belong to the secret, of a form that the pattern looks behind for.
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
    before: int = 0
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
    "azure-client-secret": "https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret",
    "azure-devops-token": "https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/"
    "use-personal-access-tokens-to-authenticate",
    "jwt": "https://www.rfc-editor.org/rfc/rfc7519",
    "age-key": "https://github.com/C2SP/C2SP/blob/main/age.md",
    "private-key": "https://www.rfc-editor.org/rfc/rfc7468 (PEM), RFC 9580 section 6.2 (PGP), OpenSSH PROTOCOL.key",
    "precedent-token": "ours: 43 base64url characters and a checksum of 6",
    "url-password": "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    "authorization": "https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2",
    "curl-password": "https://curl.se/docs/manpage.html#-u",
    "netrc-password": "https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html",
    "registry-auth": "https://docs.docker.com/reference/cli/docker/login/ and https://docs.npmjs.com/cli/configuring-npm/npmrc",
    "teams-webhook": "https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/"
    "add-incoming-webhook",
    "assigned-password": "ours: a name that says password, a separator and a value with enough variety",
    "assigned-secret": "ours: a name that says secret, a separator and a value with enough variety",
    "assigned-token": "ours: a name that says token, a separator and a value with enough variety",
    "assigned-key": "ours: a name that says API key, a separator and a value with enough variety",
}

W = "[A-Za-z0-9_-]"
A = "[A-Za-z0-9]"
END = f"(?!{W})"
# A digit or an upper-case letter within reach tells a token from a slug.
DIGIT = f"(?={W}{{0,40}}?[0-9])"
UPPER = f"(?={W}{{0,40}}?[A-Z])"


def token(
    name: str,
    anchors: str,
    pattern: str,
    *,
    source: str = "",
    pivot: str = "",
    check: Check = "token",
    before: int = 0,
    reach: int = 0,
) -> Rule:
    """Return a rule of a token with a prefix of its own.

    Args:
        name: as in `Rule`.
        anchors: separated by spaces.
        pattern: as in `Rule`.
        source: as in `Rule`; default: what `SOURCES` says.
        pivot: as in `Rule`; default: the last byte of the anchors.
        check: as in `Rule`.
        before: as in `Rule`.
        reach: as in `Rule`.
    """
    words = tuple(anchors.encode().split())
    return Rule(
        name=name,
        pattern=pattern.encode(),
        source=source or SOURCES[name],
        anchors=words,
        pivot=pivot.encode() or words[0][-1:],
        check=check,
        bounded=not (reach or before),
        before=before,
        reach=reach,
    )


TOKENS: tuple[Rule, ...] = (
    token("aws-access-key-id", "AKIA ASIA ABIA", f"[A-Z0-9]{{16}}{END}"),
    token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", f"{A}{{36,255}}+(?!{A})"),
    token("github-token", "ghs_", rf"[0-9]{{1,20}}+_eyJ{W}{{8,}}+(?:\.{W}++){{1,2}}+"),
    token("github-token", "github_pat_", "[A-Za-z0-9_]{50,255}+(?![A-Za-z0-9_])"),
    token(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-",
        rf"{W}{{20,300}}+(?:\.[0-9a-z]{{2}}\.?[0-9a-z]{{7,9}}+)?{END}",
    ),
    token(
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxo- xoxc- xoxd- xapp- xwfp-",
        f"{DIGIT}[A-Za-z0-9%+/=-]{{16,512}}+",
    ),
    token("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_", f"{A}{{16,247}}+(?!{A})"),
    token("stripe-webhook-secret", "whsec_", "[A-Za-z0-9+/=]{24,128}+(?![A-Za-z0-9+/=])"),
    token("gitlab-token", "GR1348941", f"{W}{{20}}{END}", pivot="GR1348941"),
    token("anthropic-key", "sk-ant-", f"{W}{{24,256}}+{END}"),
    token("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", f"{W}{{24,256}}+{END}"),
    token("openai-key", "sk-", f"{DIGIT}{A}{{32,64}}+{END}"),
    token("google-api-key", "AIza", f"{W}{{35}}{END}", pivot="A"),
    token("google-oauth-secret", "GOCSPX-", f"{W}{{20,64}}+{END}"),
    token("google-api-key", "AQ.Ab", f"{W}{{40,64}}+{END}", pivot="."),
    token("google-oauth-token", "ya29.", r"[A-Za-z0-9_.-]{20,2048}+"),
    token("google-oauth-token", "1//0", f"{DIGIT}{W}{{40,160}}+{END}", pivot="//"),
    token("huggingface-token", "hf_ api_org_", f"{A}{{30,64}}+{END}"),
    token("npm-token", "npm_", f"{A}{{36}}{END}"),
    token("pypi-token", "pypi-", f"{UPPER}{W}{{40,256}}+{END}"),
    token("docker-token", "dckr_pat_ dckr_oat_", f"{W}{{20,64}}+{END}"),
    token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", f"[a-f0-9]{{64}}{END}"),
    token("sendgrid-key", "SG.", rf"{W}{{16,32}}+\.{W}{{16,64}}+{END}"),
    token("twilio-key", "SK", f"[0-9a-f]{{32}}{END}", pivot="K"),
    token("mailgun-key", "key-", f"(?<![/-]key-)[0-9a-f]{{32}}{END}(?!/)"),
    token("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_ shpua_", f"[a-fA-F0-9]{{32}}{END}"),
    token("databricks-token", "dapi", f"[a-f0-9]{{32}}(?:-[0-9])?{END}", pivot="dapi"),
    token(
        "doppler-token",
        "dp.pt. dp.ct. dp.sa. dp.said. dp.scim. dp.audit. dp.st. dp.st.dev. dp.st.stg. dp.st.prd. dp.st.ci.",
        f"{A}{{40,44}}+{END}",
    ),
    token("linear-key", "lin_api_ lin_oauth_", f"{A}{{32,64}}+{END}"),
    token("notion-token", "ntn_ secret_", f"{A}{{40,50}}+{END}"),
    token("figma-token", "figd_ figu_", f"{W}{{36,128}}+{END}"),
    token("supabase-token", "sbp_", f"(?:v0_|oauth_)?[a-f0-9]{{40}}{END}"),
    token("supabase-token", "sb_secret_", f"{W}{{20,64}}+{END}"),
    token("vercel-token", "vcp_ vci_ vca_ vcr_ vck_", f"{A}{{24,128}}+{END}"),
    token("netlify-token", "nfp_ nfc_ nfo_ nfu_ nfb_", f"{W}{{36,64}}+{END}"),
    token("cloudflare-token", "cfk_ cfut_ cfat_", f"{W}{{40,64}}+{END}"),
    token("cloudflare-token", "v1.0-", f"[a-f0-9]{{24}}-[a-f0-9]{{146}}{END}"),
    token("grafana-token", "glsa_", f"{A}{{32}}_[A-Fa-f0-9]{{8}}{END}"),
    token("grafana-token", "glc_", f"[A-Za-z0-9+/]{{32,400}}+={{0,3}}{END}"),
    token("vault-token", "hvs. hvb. hvr.", f"{W}{{24,300}}+{END}"),
    token("telegram-token", ":AA", f"(?<=[0-9]{{8}}:AA){W}{{32,33}}+{END}", reach=2048),
    token(
        "discord-token",
        ".",
        rf"(?={W}{{6}}\.{W}{{27}})(?:(?<=[MNO]{W}{{23}}\.)|(?<=[MNO]{W}{{24}}\.)|(?<=[MNO]{W}{{25}}\.))"
        rf"{W}{{6}}\.{W}{{27,40}}+{END}",
        reach=2048,
    ),
    token("azure-client-secret", "Q~", r"(?<=[A-Za-z0-9_~.]{3}[0-9]Q~)[A-Za-z0-9_~.-]{31,34}+", pivot="Q~", before=4),
    token("azure-devops-token", "AZDO", f"(?<={A}{{76}}AZDO){A}{{4}}(?![A-Za-z0-9+/=])", pivot="AZDO", before=76),
    token("jwt", ".eyJ", rf"(?<={W}{{8}}\.eyJ){W}{{8,}}+(?:\.{W}++)?", check="jwt", pivot=".", reach=2048),
    token("age-key", "AGE-SECRET-KEY-", f"(?:PQ-)?1[A-Z0-9]{{50,80}}+{END}"),
    token("precedent-token", "prec_", f"{W}{{43}}{A}{{6}}{END}"),
)
