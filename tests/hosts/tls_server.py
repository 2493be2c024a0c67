"""A PostgreSQL that speaks TLS alone, with certificates made for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from hosts.debian_postgres import Programs

PASSWORD = "made-for-the-test"
PORT = 5432
READY_TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Authority:
    """Who signs certificates. Clients trust `certificate`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.crt"

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir(exist_ok=True)
        authority = cls(folder)
        _openssl(
            "req", "-x509", *NEW_KEY, "-keyout", folder / "authority.key", "-out", authority.certificate,
            "-days", "2", "-subj", "/CN=An authority of the tests",
        )  # fmt: skip
        return authority

    def sign(self, address: str, folder: Path) -> None:
        """Make `server.crt` and `server.key` for an IP address, in `folder`."""
        _openssl(
            "req", "-x509", *NEW_KEY, "-keyout", folder / "server.key", "-out", folder / "server.crt",
            "-days", "2", "-subj", "/CN=database", "-addext", f"subjectAltName=IP:{address}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", self.certificate, "-CAkey", self.folder / "authority.key",
        )  # fmt: skip


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@dataclass(frozen=True)
class TlsServer:
    """A running server. `url` proves who the server is and encrypts; it has a password."""

    address: str
    port: int
    authority: Authority

    @property
    def url(self) -> str:
        return self.url_with(self.authority)

    def url_with(self, authority: Authority, *, mode: str = "verify-full", address: str = "") -> str:
        host = f"papers:{PASSWORD}@{address or self.address}:{self.port}"
        return f"postgresql://{host}/postgres?sslmode={mode}&sslrootcert={authority.certificate}"


@contextmanager
def running_tls_server(
    programs: Programs, folder: Path, address: str, *, port: int = PORT, for_address: str = ""
) -> Iterator[TlsServer]:
    """Run a server on `address` whose certificate is for `for_address`, which is the same unless given."""
    authority = Authority.make(folder / "authority")
    with programs.folder_within() as own:
        data = own / "data"
        password = own / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        programs.run(
            "initdb", "-D", programs.seen(data), "-U", "papers", "-N", "-E", "UTF8", "--no-locale",
            "--auth=scram-sha-256", f"--pwfile={programs.seen(password)}",
        )  # fmt: skip
        authority.sign(for_address or address, data)
        (data / "server.key").chmod(0o600)
        for name in ("server.key", "server.crt"):
            subprocess.run(
                ["chown", f"{programs.account.uid}:{programs.account.gid}", data / name], check=True
            )
        (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        server = TlsServer(address, port, authority)
        with (folder / "postgres.log").open("wb") as log:
            process = programs.spawn(
                "postgres", "-D", programs.seen(data), "-p", str(port),
                *(f"-c{name}={value}" for name, value in _settings(address).items()),
                output=log,
            )  # fmt: skip
        try:
            _await_listening(server, process, folder / "postgres.log")
            yield server
        finally:
            process.terminate()
            process.wait(60)


def _settings(address: str) -> dict[str, str]:
    return {
        "listen_addresses": address, "unix_socket_directories": "", "ssl": "on", "fsync": "off",
        "max_connections": "400", "log_min_messages": "warning", "dynamic_shared_memory_type": "mmap",
    }  # fmt: skip


def _await_listening(server: TlsServer, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it asks for the password: a certificate for another address is no reason to wait on."""
    deadline = time.monotonic() + READY_TIMEOUT
    while process.poll() is None:
        try:
            psycopg.connect(server.url_with(server.authority, mode="verify-ca"), connect_timeout=5).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL ended: {log.read_text()}")
