"""TLS by an instance's tls_mode and tls_ca, for drivers that take a context and for those that want a file."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from .answers import CollectionError, Target

#: Where the systems keep their certificates, beside where this Python looks for them.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def context(target: Target) -> ssl.SSLContext:
    """Checks certificate and host name when tls_mode is verify-full, and else nothing. Raises CollectionError."""
    try:
        made = ssl.create_default_context(cadata=target.tls_ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise CollectionError("tls_ca_invalid", "The TLS certificates of the instance cannot be read.") from error
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # which the certificates that servers make themselves do not pass
    if target.tls_mode != "verify-full":
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


@contextmanager
def ca_file(target: Target) -> Iterator[str]:
    """The path of a file with tls_ca in it, or with the system's certificates. Raises CollectionError."""
    context(target)  # whether tls_ca can be read at all, told alike for all engines
    if not target.tls_ca:
        yield _system_file()
        return
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(target.tls_ca)
        file.flush()
        yield file.name


def _system_file() -> str:
    for path in (ssl.get_default_verify_paths().cafile, *SYSTEM_FILES):
        if path and Path(path).is_file():
            return path
    raise CollectionError("tls_ca_missing", "This machine has no file of certificates: give the instance its own.")
