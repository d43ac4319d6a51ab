"""Creates a short-lived certificate authority, and a certificate for 127.0.0.1 signed by it.

The emulator uses TLS, because the buckets of the template refuse anything else.

Usage: certificate.py FOLDER. Writes ca.pem, server.pem and server.key into it.
"""

import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, signer, extensions):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def main(folder):
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    signs_certificates = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    files = {
        "ca.pem": certificate(
            "deploy test",
            "deploy test",
            authority,
            authority,
            [
                (x509.BasicConstraints(ca=True, path_length=0), True),
                (signs_certificates, True),
                (x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False),
            ],
        ),
        "server.pem": certificate(
            "127.0.0.1",
            "deploy test",
            server,
            authority,
            [
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False),
                (names, False),
            ],
        ),
        "server.key": server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for name, content in files.items():
        with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main(sys.argv[1])
