"""Which service an address is of, and what is refused without being repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.channels.address import ChannelKind, parse_address
from paperround.channels.errors import ChannelAddressInvalid

TOKEN = "123456:AAbb-cc_dd-ee-ff"
SLACK = "https://hooks.slack.com/services/T0/B0/secret"
TELEGRAM = f"https://api.telegram.org/bot{TOKEN}/sendMessage"


@pytest.mark.parametrize(
    ("pasted", "kind", "url", "chat"),
    [
        (SLACK, "slack", SLACK, ""),
        (f"  {SLACK}\n", "slack", SLACK, ""),
        ("slack://T0/B0/secret", "slack", SLACK, ""),
        ("Slack://bot@T0/B0/secret/#papers", "slack", SLACK, ""),
        ("slack+https://chat.lab.example/hooks/x", "slack", "https://chat.lab.example/hooks/x", ""),
        ("discord://12/to-ken", "discord", "https://discord.com/api/webhooks/12/to-ken", ""),
        ("https://canary.discord.com/api/v10/webhooks/1/t?thread_id=5", "discord", None, ""),
        (f"tgram://{TOKEN}/-1001", "telegram", TELEGRAM, "-1001"),
        (f"tgram://bot{TOKEN}/@papers", "telegram", TELEGRAM, "@papers"),
        (f"{TELEGRAM}?chat_id=5", "telegram", TELEGRAM, "5"),
        (f"telegram+http://10.0.0.7:8081/bot{TOKEN}/5", "telegram", None, "5"),
        ("https://lab.example:8443/in?key=1#part", "webhook", "https://lab.example:8443/in?key=1", ""),
        ("https://bücher.example/hook", "webhook", None, ""),
    ],
)
def test_the_service_is_known_by_what_is_pasted_and_kept_when_it_is_stored(
    pasted: str, kind: str, url: str | None, chat: str
) -> None:
    found = parse_address(pasted, allows_apprise=False)
    assert (found.kind, found.chat) == (kind, chat)
    assert url is None or found.url == url
    again = parse_address(found.text, allows_apprise=False)
    assert (again.kind, again.url.partition("?")[0], again.chat) == (kind, found.url.partition("?")[0], chat)
    assert "secret" not in f"{found!r}{found.hint}"
    assert TOKEN not in f"{found!r}{found.hint}"


@pytest.mark.parametrize(
    "pasted",
    [
        "", "x", "https://", "https:///path", "https://a b.example/", "https://a.example/\nX: y", "ftp://a.example",
        "file:///etc/passwd", "gopher://a.example", "https://hooks.slack.com/", "slack://T0/B0", "discord://x/y",
        "https://discord.com/channels/1", "tgram://token/5", f"tgram://{TOKEN}", "unix:///run/x.sock",
        "json://10.0.0.1", "syslog://x", "mailto://a:b@c.example", "matrix://a.example", "https://a.example:99999/",
        "https://" + "a" * 2000, "slack+ftp://a.example/", "evil+https://a.example/", f"https://api.telegram.org/{TOKEN}",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_channel_is_refused_without_repeating_it(pasted: str) -> None:
    with pytest.raises(ChannelAddressInvalid) as refusal:
        parse_address(pasted, allows_apprise=False)
    assert TOKEN not in refusal.value.detail


@given(
    st.text(max_size=60), st.sampled_from(["", "https://", "slack://", "tgram://", "discord+http://", "://"])
)
def test_any_text_is_an_address_or_refused(text: str, start: str) -> None:
    try:
        found = parse_address(start + text, allows_apprise=True)
    except ChannelAddressInvalid:
        return
    assert isinstance(found.kind, ChannelKind)
    assert found.hint
