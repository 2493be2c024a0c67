"""Feeds, the encoder and the mail server are trusted by the certificates that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext

import httpx
import pytest

from paperround.mail import MailServerUnreachable
from paperround.mail.smtp import open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.outbound.certificates import CertificatesUnusable, create_tls_context
from paperround.outbound.client import open_client, open_transport

from support.commands import run_command
from support.feed_server import FeedServer
from support.forward_proxy import ForwardProxy, make_authority, running_proxy
from support.mail_sink import MailSink

HOST = "hub.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SSLContext]:
    return make_authority(tmp_path_factory.mktemp("authority"), HOST, "127.0.0.1")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of another authority."""
    return make_authority(tmp_path_factory.mktemp("stranger"), HOST)[0]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def rewriter(
    feed: FeedServer, authority: tuple[Path, SSLContext], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ForwardProxy]:
    """A proxy that rewrites TLS, which the environment names."""
    with running_proxy(ForwardProxy("http", httpx.URL(feed.url).port or 0, authority[1])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy


@pytest.mark.parametrize("name", ["feed", "chosen host"])
async def test_a_proxy_that_rewrites_tls_is_trusted_where_its_authority_is_named(
    name: str, rewriter: ForwardProxy, authority: tuple[Path, SSLContext], stranger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def open_one() -> httpx.AsyncClient:
        if name == "feed":
            return open_client(trusted_hosts=[HOST], headers={}, max_redirects=3)
        return httpx.AsyncClient(transport=open_transport())

    async with open_one() as client:
        with pytest.raises(httpx.ConnectError, match=r"not trusted \(self-signed certificate.*SSL_CERT_FILE"):
            await client.get(f"https://{HOST}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))
    async with open_one() as client:
        with pytest.raises(
            httpx.ConnectError, match=r"not trusted.* is not among those that SSL_CERT_FILE names"
        ):
            await client.get(f"https://{HOST}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    async with open_one() as client:
        assert (await client.get(f"https://{HOST}/")).status_code == 200
        with pytest.raises(httpx.ConnectError, match=r"Hostname mismatch.*valid for 'other\.example'\S*$"):
            await client.get("https://other.example/")
    assert set(rewriter.asked) == {f"{HOST}:443", "other.example:443"}


async def test_mail_servers_are_trusted_by_the_same_certificates(
    authority: tuple[Path, SSLContext], stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MailSink(tls=authority[1]).running() as sink:
        server = SmtpServer.parse(f"{sink.url}?tls=required")
        for file, reason in (
            (stranger, "among those that SSL_CERT_FILE names"),
            (Path("/none"), "SSL_CERT_FILE names /none"),
        ):
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
            async with open_smtp(server, connections=1) as mailer:
                with pytest.raises(MailServerUnreachable, match=reason):
                    await mailer.connect()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
        async with open_smtp(server, connections=1) as mailer:
            await mailer.connect()


def test_authorities_of_a_folder_and_of_a_file_are_trusted_together(
    authority: tuple[Path, SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}:{authority[0].parent}")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    assert len(create_tls_context().get_ca_certs()) == 1
    monkeypatch.delenv("SSL_CERT_FILE")
    create_tls_context()


@pytest.mark.parametrize(
    ("variable", "content"),
    [
        ("SSL_CERT_FILE", None),
        ("SSL_CERT_FILE", "no certificate"),
        ("SSL_CERT_FILE", ""),
        ("SSL_CERT_DIR", None),
    ],
)
def test_what_holds_no_certificates_is_told_with_its_variable(
    variable: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "authorities"
    if content is not None:
        place.write_text(content)
    monkeypatch.setenv(variable, str(place))
    with pytest.raises(CertificatesUnusable, match=f"{variable} names .*authorities"):
        create_tls_context()


def test_a_process_says_so_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    result = run_command("up", folder=tmp_path, data_dir=str(tmp_path / "data"))
    assert result.returncode == 1
    assert "SSL_CERT_FILE names" in result.stderr
    assert "Traceback" not in result.stderr
