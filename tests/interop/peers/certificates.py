"""A certificate authority for one test session, made with the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers.process import find_program

CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
subjectAltName = IP:127.0.0.1, DNS:localhost
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = CA:false
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files; `client_context` trusts the authority."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    def client_context(self, *, with_certificate: bool = False) -> ssl.SSLContext:
        """A TLS client that checks the server, with our client certificate if wanted."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if with_certificate:
            context.load_cert_chain(self.client, self.client_key)
        return context


def create_certificates(directory: Path) -> Certificates:
    """An authority, a server certificate for 127.0.0.1 and a client certificate (CN `refjk client`)."""
    openssl = find_program("openssl", "openssl")
    configuration = directory / "openssl.cnf"
    configuration.write_text(CONFIGURATION)

    def create(name: str, subject: str, *signer: str) -> tuple[Path, Path]:
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        command = [openssl, "req", "-x509", "-config", str(configuration), "-extensions", name, "-days", "2"]
        command += ["-newkey", "rsa:2048", "-nodes", "-subj", subject]
        command += ["-out", str(certificate), "-keyout", str(key), *signer]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return certificate, key

    authority, authority_key = create("authority", "/O=refjk tests/CN=refjk test authority")
    signer = ("-CA", str(authority), "-CAkey", str(authority_key))
    server, server_key = create("server", "/O=refjk tests/CN=127.0.0.1", *signer)
    client, client_key = create("client", "/O=refjk tests/CN=refjk client", *signer)
    return Certificates(authority, server, server_key, client, client_key)
