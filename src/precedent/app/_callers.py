"""Who calls: accounts, tokens, logins.

What tells callers apart is imported where it is made: collecting and counting ask nobody who they are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.security.accounts import Accounts
    from precedent.security.authentication import Authenticator
    from precedent.security.last_use import LastUse
    from precedent.security.logins import Logins
    from precedent.security.oidc import OidcLogin
    from precedent.security.passwords import Passwords
    from precedent.security.principals import Principal
    from precedent.security.site import Presented, Site
    from precedent.security.teams import Teams
    from precedent.security.tokens import Tokens


@dataclass(frozen=True)
class Callers(Foundation):
    """Tells who calls, and keeps who may."""

    @cached_property
    def site(self) -> "Site":
        """Where the server stands.

        Raises:
            Misconfigured: the settings do not go together.
        """
        from precedent.security.site import Site  # noqa: PLC0415  # see above

        return Site(self.settings)

    @cached_property
    def authenticator(self) -> "Authenticator":
        """Tells who calls."""
        from precedent.security.authentication import Authenticator  # noqa: PLC0415  # see above

        return Authenticator(self.settings, site=self.site, store=self.store, last_use=self.last_use, clock=self.clock)

    @cached_property
    def last_use(self) -> "LastUse":
        """Remembers when tokens and sessions were used."""
        from precedent.security.last_use import LastUse  # noqa: PLC0415  # see above

        return LastUse(self.store)

    def authenticate(self, presented: "Presented") -> "Principal | None":
        """Return who calls; see `Authenticator.authenticate`."""
        return self.authenticator.authenticate(presented)

    @cached_property
    def accounts(self) -> "Accounts":
        """Who may log in, with which role."""
        from precedent.security.accounts import Accounts  # noqa: PLC0415  # see above

        return Accounts(self.store, self.passwords, self.clock)

    @cached_property
    def teams(self) -> "Teams":
        """Groups of persons."""
        from precedent.security.teams import Teams  # noqa: PLC0415  # see above

        return Teams(self.store, self.clock)

    @cached_property
    def tokens(self) -> "Tokens":
        """Bearer tokens."""
        from precedent.security.tokens import Tokens  # noqa: PLC0415  # see above

        return Tokens(self.store, self.clock)

    @cached_property
    def passwords(self) -> "Passwords":
        """Makes and checks what is stored of passwords."""
        from precedent.security.passwords import Passwords  # noqa: PLC0415  # see above

        return Passwords()

    @cached_property
    def logins(self) -> "Logins":
        """Logins with a password, and sessions."""
        from precedent.security.logins import Logins  # noqa: PLC0415  # see above

        return Logins(self.settings, self.store, self.passwords, self.clock)

    @cached_property
    def oidc(self) -> "OidcLogin | None":
        """Logins with an OpenID Connect provider; None without one in the settings.

        Raises:
            Misconfigured: the settings do not go together.
        """
        if not self.settings.oidc_issuer:
            return None
        # The HTTP client and the library for signatures are heavy and only such a login needs them.
        from precedent.security.oidc import OidcLogin  # noqa: PLC0415

        return OidcLogin(self.settings, self.store, self.clock)
