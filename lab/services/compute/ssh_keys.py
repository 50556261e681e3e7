"""The two kinds of keys that a key pair may hold: their fingerprints, and new pairs for old clients.

`cryptography` is imported only when a pair is made: since microversion 2.92 clients make their own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from datetime import datetime, timedelta

from lab.errors import BadRequest

_SSH_TYPES = re.compile(r"(ssh-(rsa|dss|ed25519|ed448)|ecdsa-sha2-\S+|sk-\S+)$")
# Source: nova/crypto.py, generate_winrm_x509_cert.
_CERTIFICATE_DAYS = 3650
_RSA_BITS = 2048


class InvalidKeypair(BadRequest):
    """Keypair data is invalid."""

    @classmethod
    def because(cls, reason: str) -> InvalidKeypair:
        """Say in nova's words what is wrong."""
        return cls(f"Keypair data is invalid: {reason}")


def ssh_fingerprint(public_key: str) -> str:
    """Return the md5 fingerprint of an OpenSSH public key line, or raise InvalidKeypair."""
    parts = public_key.strip().split()
    if len(parts) < 2 or not _SSH_TYPES.match(parts[0]):
        raise InvalidKeypair.because("failed to generate fingerprint")
    try:
        blob = base64.b64decode(parts[1], validate=True)
        length = struct.unpack(">I", blob[:4])[0]
        named = blob[4 : 4 + length].decode()
    except (binascii.Error, struct.error, UnicodeDecodeError):
        raise InvalidKeypair.because("failed to generate fingerprint") from None
    if named != parts[0] or len(blob) <= 4 + length:
        raise InvalidKeypair.because("failed to generate fingerprint")
    return _colons(hashlib.md5(blob, usedforsecurity=False).hexdigest())


def certificate_fingerprint(certificate: str) -> str:
    """Return the sha1 fingerprint of a PEM certificate, or raise InvalidKeypair."""
    body = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", certificate, re.DOTALL)
    try:
        der = base64.b64decode("".join(body.group(1).split()), validate=True) if body else b""
    except binascii.Error:
        der = b""
    if not der.startswith(b"\x30"):  # ASN.1 SEQUENCE
        raise InvalidKeypair.because("failed to generate X509 fingerprint. Error message: Unable to load PEM file.")
    return _colons(hashlib.sha1(der, usedforsecurity=False).hexdigest())


def new_ssh_pair() -> tuple[str, str]:
    """Make a key pair of the system's randomness; return the public line and the private key as OpenSSH text.

    Nova makes RSA keys; ed25519 is taken here because it costs a thousandth of the time.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return f"{public.decode()} Generated-by-Nova", private.decode()


def new_certificate(user_id: str, now: datetime) -> tuple[str, str]:
    """Make a self-signed certificate for a user; return it as PEM and its key as base64 of PKCS12, as nova does."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, user_id)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(None, key, certificate, None, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), base64.b64encode(bundle).decode()


def _colons(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
