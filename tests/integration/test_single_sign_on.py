"""Login with an OpenID Connect provider, against a small one with real signatures."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import RSAKey

from builders import ManualTime
from callers import client, person, serving
from conftest import MakeApp
from oidc_provider import CLIENT, SECRET, Claims, Provider, provider
from precedent.app import App
from precedent.clock import SECOND
from precedent.errors import Misconfigured
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role
from precedent.store.schema import audit, oidc_login

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def idp(manual_time: ManualTime) -> Iterator[Provider]:
    with provider(lambda: manual_time.clock.now() // SECOND) as found:
        yield found


@pytest.fixture
def sso(make_app: MakeApp, idp: Provider) -> App:
    return make_app(oidc_issuer=idp.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET)


def come_back(http: httpx.Client, idp: Provider, *, to: str = "/", **changed: str) -> httpx.Response:
    """Go to the provider, log in there, and come back."""
    begun = http.get("/api/auth/oidc/login", params={"to": to})
    assert begun.status_code == 302, begun.text
    back = idp.log_in(begun.headers["location"]) | changed
    return http.get("/api/auth/oidc/callback", params=back)


def said(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


def test_whoever_the_provider_vouches_for_is_logged_in_and_goes_on_where_they_were(sso: App, idp: Provider) -> None:
    person(sso, "ada", Role.REVIEWER)
    with serving(sso) as url, client(url) as http:
        answer = come_back(http, idp, to="/sessions?project=harbour")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sessions?project=harbour")
        shown = http.get("/api/me").json()
        assert (shown["key"], shown["role"], shown["proof"]) == ("ada", "reviewer", "session")
        assert http.get("/api/auth/ways").json()["single_sign_on"] is True
        assert "precedent-oidc" not in http.cookies
    assert sso.accounts.get("ada").single_sign_on


def test_afterwards_the_provider_s_number_counts_and_not_the_address(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    person(sso, "bea")
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp).status_code == 303
        idp.person["email"] = "ada.lovelace@example.com"
        assert come_back(http, idp).status_code == 303
        assert http.get("/api/me").json()["key"] == "ada"
        # Somebody else at the provider who is given the address of another's login.
        idp.person |= {"sub": "another", "email": "ada@example.com"}
        answer = come_back(http, idp)
        assert (answer.status_code, "another login" in said(answer)) == (403, True)


@pytest.mark.parametrize(
    "claims",
    [{"email": "nobody@example.com"}, {"email_verified": False}, {"email_verified": "true"}, {"email": None},
     {"email": "no address"}, {"email": ["ada@example.com"]}],
)  # fmt: skip
def test_without_a_verified_address_of_an_account_nobody_comes_in(sso: App, idp: Provider, claims: Claims) -> None:
    person(sso, "ada")
    idp.person |= claims
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp).status_code == 403
        assert http.get("/api/me").status_code == 401


def test_a_deactivated_person_does_not_come_in(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp).status_code == 303
        sso.accounts.change("ada", active=False, by=BY_COMMAND_LINE)
        assert come_back(http, idp).status_code == 401


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_alg_none(_: Provider, claims: Claims) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def with_shared_secret(idp: Provider, claims: Claims) -> str:
    """Sign with HMAC and the provider's public key as the secret, as in the old attack."""
    signed = f"{part({'alg': 'HS256', 'kid': idp.key.kid})}.{part(claims)}"
    seal = hmac.digest(idp.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def with_foreign_key(idp: Provider, claims: Claims) -> str:
    key = RSAKey.generate_key(2048, {"kid": str(idp.key.kid)})
    return jwt.encode({"alg": "RS256", "kid": str(key.kid)}, claims, key)


def with_key_in_header(_: Provider, claims: Claims) -> str:
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "jwk": key.as_dict(private=False)}, claims, key)


def with_changed_claims(idp: Provider, claims: Claims) -> str:
    header, _, signature = idp.signed(claims).split(".")
    return f"{header}.{part(claims | {'sub': 'somebody else'})}.{signature}"


SIGNATURES: list[Callable[[Provider, Claims], str]] = [
    with_alg_none, with_shared_secret, with_foreign_key, with_key_in_header, with_changed_claims,
    lambda idp, claims: "", lambda idp, claims: "no token", lambda idp, claims: idp.signed(claims)[:-8],
]  # fmt: skip


@pytest.mark.parametrize("sign", SIGNATURES)
def test_an_id_token_that_the_provider_did_not_sign_is_refused(
    sso: App, idp: Provider, sign: Callable[[Provider, Claims], str]
) -> None:
    person(sso, "ada")
    idp.sign = sign
    with serving(sso) as url, client(url) as http:
        answer = come_back(http, idp)
        assert answer.status_code == 401, answer.text
        assert "ID token is not good" in said(answer)
        assert "set-cookie" not in answer.headers


CLAIMS: dict[str, Claims] = {
    "issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": None}, "audience": {"aud": "another client"},
    "audiences": {"aud": ["another", "client"]}, "party": {"aud": [CLIENT, "another"], "azp": "another"},
    "nonce": {"nonce": "another"}, "no nonce": {"nonce": None}, "expired": {"exp": 1}, "no end": {"exp": None},
    "not yet": {"nbf": 2**40}, "from the future": {"iat": 2**40}, "nobody": {"sub": None}, "list": {"sub": ["x"]},
    "end as text": {"exp": "tomorrow"},
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_an_id_token_that_is_not_for_this_login_is_refused(sso: App, idp: Provider, name: str) -> None:
    person(sso, "ada")
    idp.spoil = lambda claims: {key: value for key, value in (claims | CLAIMS[name]).items() if value is not None}
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp).status_code == 401
        assert http.get("/api/me").status_code == 401
    with sso.store.read() as tx:
        row = tx.execute(sa.select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (row.action, row.result) == ("login", "denied")


def test_an_answer_comes_back_once(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        begun = http.get("/api/auth/oidc/login")
        cookie = http.cookies["precedent-oidc"]
        back = idp.log_in(begun.headers["location"])
        assert http.get("/api/auth/oidc/callback", params=back).status_code == 303
        asked = len(idp.asked)
        answer = client_with(url, cookie, back)
        assert (answer.status_code, "finished before" in said(answer)) == (401, True)
        # A fresh login with the code of the old one: the provider takes a code once.
        begun = http.get("/api/auth/oidc/login")
        again = idp.log_in(begun.headers["location"]) | {"code": back["code"]}
        assert len(idp.asked) == asked
        assert http.get("/api/auth/oidc/callback", params=again).status_code == 401


def client_with(url: str, cookie: str, back: dict[str, str]) -> httpx.Response:
    with client(url, cookie=f"precedent-oidc={cookie}") as http:
        return http.get("/api/auth/oidc/callback", params=back)


def test_an_answer_to_another_browser_is_refused(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as attacker, client(url) as victim:
        back = idp.log_in(attacker.get("/api/auth/oidc/login").headers["location"])
        assert victim.get("/api/auth/oidc/callback", params=back).status_code == 401
        victim.get("/api/auth/oidc/login")
        back = idp.log_in(attacker.get("/api/auth/oidc/login").headers["location"])
        assert victim.get("/api/auth/oidc/callback", params=back).status_code == 401
        assert idp.asked == []  # nobody's code is spent on it


def test_a_code_of_another_login_fails_at_the_verifier(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as attacker, client(url) as http:
        stolen = idp.log_in(attacker.get("/api/auth/oidc/login").headers["location"])["code"]
        assert come_back(http, idp, code=stolen).status_code == 401


def test_an_answer_that_comes_too_late_or_without_a_code_is_refused(
    sso: App, idp: Provider, manual_time: ManualTime
) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        back = idp.log_in(http.get("/api/auth/oidc/login").headers["location"])
        manual_time.advance(600)
        assert http.get("/api/auth/oidc/callback", params=back).status_code == 401
        assert come_back(http, idp, error="access_denied").status_code == 401
        assert come_back(http, idp, code="").status_code == 401
        assert come_back(http, idp, state="x" * 43).status_code == 401
        assert come_back(http, idp, iss="https://evil.example").status_code == 401
        assert come_back(http, idp, iss=idp.issuer).status_code == 303
        assert http.get("/api/auth/oidc/callback").status_code == 401
        http.get("/api/auth/oidc/login")
    with sso.store.read() as tx:
        assert len(tx.execute(sa.select(oidc_login)).all()) <= 3  # old ones are swept


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nb", "evil"]
)
def test_a_login_leads_to_our_own_pages_only(sso: App, idp: Provider, to: str) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp, to=to).headers["location"] == "/"


def test_a_new_key_of_the_provider_is_fetched_when_it_signs(sso: App, idp: Provider, monkeypatch: Any) -> None:
    from precedent.security import oidc

    monkeypatch.setattr(oidc, "KEYS_REST_S", 0.0)
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        assert come_back(http, idp).status_code == 303
        idp.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
        assert come_back(http, idp).status_code == 303


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["staff"], "member"), (["staff", "platform"], "admin"), ("staff", "member"), (["other"], None), ([], None),
     (None, None), ({"staff": 1}, None)],
)  # fmt: skip
def test_roles_come_from_groups_where_they_are_mapped(
    make_app: MakeApp, idp: Provider, groups: object, role: str | None
) -> None:
    app = make_app(
        oidc_issuer=idp.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles=("staff=member", "platform=admin"),
    )
    idp.person["groups"] = groups
    with serving(app) as url, client(url) as http:
        answer = come_back(http, idp)
        assert answer.status_code == (303 if role else 403)
        if role:
            assert http.get("/api/me").json()["role"] == role
            idp.person["groups"] = ["platform"]
            come_back(http, idp)
            assert http.get("/api/me").json()["role"] == "admin"


def test_a_provider_that_fails_is_a_503_and_no_secret_is_told(sso: App, idp: Provider) -> None:
    person(sso, "ada")
    with serving(sso) as url, client(url) as http:
        idp.status = 500
        answer = come_back(http, idp)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert SECRET not in answer.text


def test_a_document_of_another_issuer_is_refused(sso: App, idp: Provider) -> None:
    idp.claimed_issuer = "https://another.example"
    with serving(sso) as url, client(url) as http:
        answer = http.get("/api/auth/oidc/login")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "misconfigured")
    assert "set PRECEDENT_OIDC_ISSUER to exactly this" in answer.text
    assert "another.example" not in answer.text  # places are for the log


@pytest.mark.parametrize(
    "given",
    [{"oidc_client_id": ""}, {"oidc_issuer": "http://idp.example"}, {"oidc_issuer": "idp.example"},
     {"oidc_roles": ("staff",)}, {"oidc_roles": ("staff=scheduler",)}, {"oidc_roles": ("=admin",)}],
)  # fmt: skip
def test_settings_of_the_provider_that_cannot_be_are_told_at_the_start(
    make_app: MakeApp, given: dict[str, Any]
) -> None:
    from precedent.server import create

    with pytest.raises(Misconfigured, match="PRECEDENT_OIDC_"):
        create(make_app(**({"oidc_issuer": "https://idp.example", "oidc_client_id": CLIENT} | given)))


def test_without_a_provider_there_is_no_single_sign_on(app: App) -> None:
    with serving(app) as url, client(url) as http:
        assert http.get("/api/auth/oidc/login").status_code == 404
        assert http.get("/api/auth/oidc/callback").status_code == 404
