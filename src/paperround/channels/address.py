"""Addresses of channels: which service one is of, and where its messages go. Pure.

A chat's own web address is known by its host. `slack+https://`, `discord+https://` and `telegram+https://`
name servers that speak as these services do, such as Mattermost or a Bot API server of one's own.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from paperround.channels.errors import ChannelAddressInvalid
from paperround.i18n.messages import gettext as _

MAX_ADDRESS_LENGTH: Final = 1000  # characters
SLACK_HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
DISCORD_HOSTS: Final = frozenset({"discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"})
TELEGRAM_HOST: Final = "api.telegram.org"
DISCORD_PATH: Final = re.compile(r"/api(?:/v\d{1,2})?/webhooks/\d{1,25}/[\w-]{1,200}/?", re.A)
SLACK_PATH: Final = re.compile(r"/services/[\w/-]{1,200}", re.A)
TELEGRAM_TOKEN: Final = r"\d{3,20}:[\w-]{10,100}"  # noqa: S105 (the form of one)
TELEGRAM_CHAT: Final = r"-?\d{1,20}|@?[A-Za-z]\w{3,40}"
TELEGRAM_PATH: Final = re.compile(
    rf"(?P<prefix>(?:/[\w.-]{{1,50}}){{0,3}}?)/(?:bot)?(?P<token>{TELEGRAM_TOKEN})(?:/sendMessage)?/?"
    rf"(?P<chat>{TELEGRAM_CHAT})?/?",
    re.A,
)
# Services that Apprise speaks to over the web. Others of its services start programs or use other networks.
APPRISE_SCHEMES: Final[Mapping[str, str]] = {
    "dingtalk": "DingTalk", "feishu": "Feishu", "gchat": "Google Chat", "gotify": "Gotify",
    "gotifys": "Gotify", "lark": "Lark", "line": "Line", "matrix": "Matrix", "matrixs": "Matrix",
    "mmost": "Mattermost", "mmosts": "Mattermost", "ncloud": "Nextcloud", "nclouds": "Nextcloud",
    "nctalk": "Nextcloud Talk", "nctalks": "Nextcloud Talk", "ntfy": "ntfy", "ntfys": "ntfy",
    "rocket": "Rocket.Chat", "rockets": "Rocket.Chat", "signal": "Signal",
    "signals": "Signal", "synology": "Synology Chat", "synologys": "Synology Chat", "wecombot": "WeCom",
    "workflow": "Microsoft Teams", "workflows": "Microsoft Teams", "wxteams": "Webex Teams",
    "zulip": "Zulip",
}  # fmt: skip


class ChannelKind(enum.StrEnum):
    """The format of a channel's messages."""

    webhook = "webhook"  # JSON with Standard Webhooks' signature
    slack = "slack"
    discord = "discord"
    telegram = "telegram"
    apprise = "apprise"  # whatever Apprise makes of it


@dataclass(frozen=True)
class ChannelAddress:
    """Where a channel's messages go. `url` is secret. `chat` is whom Telegram's bot writes to."""

    kind: ChannelKind
    url: str
    chat: str = ""

    def __repr__(self) -> str:
        return f"ChannelAddress({self.kind}, …)"  # logs and reports of errors show no secret

    @property
    def text(self) -> str:
        """The address as one text, which `parse_address` reads again."""
        if self.kind in (ChannelKind.webhook, ChannelKind.apprise):
            return self.url
        if self.kind is ChannelKind.telegram:
            return f"telegram+{self.url.removesuffix('/sendMessage')}/{self.chat}"
        return f"{self.kind}+{self.url}"

    @property
    def hint(self) -> str:
        """What may be shown of it: the host, or the service."""
        if self.kind is ChannelKind.apprise:
            return APPRISE_SCHEMES[self.url.partition(":")[0]]
        return httpx.URL(self.url).host


def parse_address(text: str, *, allows_apprise: bool) -> ChannelAddress:
    """Parse an address as it is pasted. Raises `ChannelAddressInvalid`, which doesn't repeat it."""
    address = text.strip()
    if not address:
        raise ChannelAddressInvalid(_("Give the address that messages are to be sent to."))
    if len(address) > MAX_ADDRESS_LENGTH or not address.isprintable() or " " in address:
        raise ChannelAddressInvalid(_("This is too long for an address, or has blanks in it."))
    scheme, separator, _rest = address.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise ChannelAddressInvalid(
            _("An address begins with https://, or with the name of a service such as slack:// or tgram://.")
        )
    if scheme in SHORT_FORMS:
        return SHORT_FORMS[scheme](f"{scheme}{address[len(scheme) :]}")
    if scheme in APPRISE_SCHEMES:
        return _parse_apprise(scheme, address, allows_apprise=allows_apprise)
    named, plus, web_scheme = scheme.rpartition("+")
    if web_scheme not in ("https", "http") or (plus and named not in ("slack", "discord", "telegram")):
        raise ChannelAddressInvalid(
            _("%(value)s:// is no service that is known here.", value=scheme[:40]),
            advice=_(
                "Known are https, slack, discord, tgram and, by Apprise, %(value)s.",
                value=", ".join(APPRISE_SCHEMES),
            ),
        )
    url = _parse_url(f"{web_scheme}{address[len(scheme) :]}")
    return _build(ChannelKind(named) if named else _recognise(url), url)


def _parse_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text).copy_with(fragment=None)
        is_whole = bool(url.host) and (url.port is None or 0 < url.port < 65536)
    except (httpx.InvalidURL, ValueError) as error:
        raise ChannelAddressInvalid(_("This is no web address.")) from error
    if not is_whole:
        raise ChannelAddressInvalid(_("This web address names no host."))
    return url


def _recognise(url: httpx.URL) -> ChannelKind:
    """Tell the service by the host. Raises `ChannelAddressInvalid` for a page that takes no messages."""
    if url.host in SLACK_HOSTS:
        if url.scheme != "https" or not SLACK_PATH.fullmatch(url.path):
            raise ChannelAddressInvalid(
                _("Slack’s addresses for messages are https://hooks.slack.com/services/….")
            )
        return ChannelKind.slack
    if url.host in DISCORD_HOSTS:
        if url.scheme != "https" or not DISCORD_PATH.fullmatch(url.path):
            raise ChannelAddressInvalid(
                _("Discord’s addresses for messages are https://discord.com/api/webhooks/…/….")
            )
        return ChannelKind.discord
    return ChannelKind.telegram if url.host == TELEGRAM_HOST else ChannelKind.webhook


def _build(kind: ChannelKind, url: httpx.URL) -> ChannelAddress:
    if kind is not ChannelKind.telegram:
        return ChannelAddress(kind, str(url))
    found = TELEGRAM_PATH.fullmatch(url.path)
    chat = (found and found["chat"]) or url.params.get("chat_id", "")
    if found is None or not re.fullmatch(TELEGRAM_CHAT, chat, re.A):
        raise ChannelAddressInvalid(
            _("Telegram needs the bot’s token and the chat."), advice=_("Write tgram://TOKEN/CHAT.")
        )
    bot = url.copy_with(raw_path=f"{found['prefix']}/bot{found['token']}/sendMessage".encode())
    return ChannelAddress(kind, str(bot), chat)


def _parse_slack(text: str) -> ChannelAddress:
    parts = re.fullmatch(
        r"slack://(?:[^@/]{1,80}@)?(\w{1,40})/(\w{1,40})/(\w{1,80})/?(?:[?#].*)?", text, re.A
    )
    if parts is None:
        raise ChannelAddressInvalid(_("Slack’s three parts are wanted: slack://T…/B…/…."))
    return ChannelAddress(ChannelKind.slack, f"https://hooks.slack.com/services/{'/'.join(parts.groups())}")


def _parse_discord(text: str) -> ChannelAddress:
    parts = re.fullmatch(r"discord://(?:[^@/]{1,80}@)?(\d{1,25})/([\w-]{1,200})/?(?:[?#].*)?", text, re.A)
    if parts is None:
        raise ChannelAddressInvalid(_("Discord’s two parts are wanted: discord://ID/TOKEN."))
    return ChannelAddress(ChannelKind.discord, f"https://discord.com/api/webhooks/{'/'.join(parts.groups())}")


def _parse_telegram(text: str) -> ChannelAddress:
    parts = re.fullmatch(rf"tgram://(?:bot)?({TELEGRAM_TOKEN})/({TELEGRAM_CHAT})/?(?:[?#].*)?", text, re.A)
    if parts is None:
        raise ChannelAddressInvalid(_("Telegram needs the bot’s token and the chat: tgram://TOKEN/CHAT."))
    token, chat = parts.groups()
    return ChannelAddress(ChannelKind.telegram, f"https://{TELEGRAM_HOST}/bot{token}/sendMessage", chat)


def _parse_apprise(scheme: str, address: str, *, allows_apprise: bool) -> ChannelAddress:
    if not allows_apprise:
        raise ChannelAddressInvalid(
            _("For %(value)s this site lacks a library.", value=APPRISE_SCHEMES[scheme]),
            advice=_("Whoever runs it can install it: pip install 'paperround[channels]'."),
        )
    return ChannelAddress(ChannelKind.apprise, f"{scheme}{address[len(scheme) :]}")


SHORT_FORMS: Final[Mapping[str, Callable[[str], ChannelAddress]]] = {
    "slack": _parse_slack,
    "discord": _parse_discord,
    "tgram": _parse_telegram,
}
