"""Whose certificates are trusted, by one rule for feeds, the encoder and the mail server."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

import certifi

from paperround.errors import PaperroundError

FILE_VARIABLE: Final = "SSL_CERT_FILE"
FOLDER_VARIABLE: Final = "SSL_CERT_DIR"
UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21, 24})  # OpenSSL's codes for a signer that isn't trusted


class CertificatesUnusable(PaperroundError):
    """`SSL_CERT_FILE` or `SSL_CERT_DIR` names nothing that certificates can be read from."""

    title = "Certificates can't be read"


def create_tls_context() -> ssl.SSLContext:
    """Create a client's context, which trusts what `SSL_CERT_FILE` and `SSL_CERT_DIR` name and nothing else.

    Where neither is set it trusts the system's authorities and those of certifi: a small image has none of
    its own. Raises `CertificatesUnusable`.
    """
    file = os.environ.get(FILE_VARIABLE) or None
    folders = [folder for folder in os.environ.get(FOLDER_VARIABLE, "").split(os.pathsep) if folder]
    for folder in folders:
        if not Path(folder).is_dir():
            raise CertificatesUnusable(f"{FOLDER_VARIABLE} names {folder}, which is no folder.")
    if file is None and not folders:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
    try:
        context = ssl.create_default_context(cafile=file, capath=folders[0] if folders else None)
        for folder in folders[1:]:
            context.load_verify_locations(capath=folder)
    except ssl.SSLError as error:
        raise CertificatesUnusable(
            f"{FILE_VARIABLE} names {file}, which holds no certificate.",
            advice="Give it the authorities that are trusted, in PEM, one after the other.",
        ) from error
    except OSError as error:
        raise CertificatesUnusable(
            f"{FILE_VARIABLE} names {file}, which can't be read ({error.strerror}).",
            advice="Correct the path, or let our user read it.",
        ) from error
    return context


def explain_distrust(error: BaseException) -> str | None:
    """Say in a clause why the other side's certificate was not trusted; None if that is not what failed."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    reason = f"its certificate is not trusted ({cause.verify_message})"
    if cause.verify_code not in UNKNOWN_ISSUER:
        return reason
    named = [name for name in (FILE_VARIABLE, FOLDER_VARIABLE) if os.environ.get(name)]
    if named:
        return f"{reason}, for who signed it is not among those that {' and '.join(named)} names"
    return f"{reason}; where a proxy rewrites TLS, {FILE_VARIABLE} has to name a file with its authority"
