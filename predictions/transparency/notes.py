"""Signed notes (C2SP signed-note): text, signed with Ed25519, that other tools can check.

Keys are text too: a verifier key to hand out, a signer key to keep. The signer key has the form
that Go's `sumdb/note` made customary, `PRIVATE+KEY+<name>+<id>+<base64>`.
Source: https://c2sp.org/signed-note
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
KEY_BYTES = 32
ID_BYTES = 4
LONGEST_NOTE = 100_000
"""Characters; a note of another log may carry signatures of many witnesses."""

_SIGNATURE_START = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"


class NoteError(ValueError):
    """A note or a key is malformed, or no trusted key signed the note."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name, which checks notes."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != KEY_BYTES:
            raise NoteError(f"an Ed25519 key has {KEY_BYTES} bytes, not {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the hash of name, algorithm and key."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as text, to hand out."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(ED25519 + self.public)}"

    @classmethod
    def from_vkey(cls, text: str) -> "Verifier":
        """Read a key. Raises NoteError where the text is none, or of another algorithm."""
        name, key_id, material = _key_parts(text.strip(), "verifier key")
        found = cls(name, material)
        if found.key_id.hex() != key_id:
            raise NoteError(f"the verifier key's id is {found.key_id.hex()}, not {key_id:.8}")
        return found

    def verify(self, text: str, signature: bytes) -> bool:
        """Return whether `signature` (without the key's id) is this key's, of `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under a name, which signs notes."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @classmethod
    def generate(cls, name: str) -> "Signer":
        """Make a new key. Raises NoteError where the name may not stand in a note."""
        _check_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """Read a kept key. Raises NoteError where the text is none."""
        stripped = text.strip()
        if not stripped.startswith(_PRIVATE):
            raise NoteError(f"a signer key begins with {_PRIVATE}")
        name, key_id, material = _key_parts(stripped.removeprefix(_PRIVATE), "signer key")
        found = cls(name, material)
        if found.verifier.key_id.hex() != key_id:
            raise NoteError("the signer key is damaged: its id is another")
        return found

    @property
    def text(self) -> str:
        """The key as text, to keep secret."""
        key_id = self.verifier.key_id.hex()
        return f"{_PRIVATE}{self.name}+{key_id}+{_encode(ED25519 + self.secret)}"

    @property
    def verifier(self) -> Verifier:
        """Its public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.secret)
        return Verifier(self.name, private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return the note of `text`, which ends in a newline.

        Raises NoteError where the text cannot be a note's.
        """
        _check_text(text)
        if not text.endswith("\n"):
            raise NoteError("the text of a note must end in a newline")
        signature = Ed25519PrivateKey.from_private_bytes(self.secret).sign(text.encode())
        signed = _encode(self.verifier.key_id + signature)
        return f"{text}\n{_SIGNATURE_START}{self.name} {signed}\n"


def open_note(note: str, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note that at least one of the keys signed.

    Signatures of other keys are ignored; one of these keys that does not verify refuses the
    note. Raises NoteError.
    """
    _check_text(note)
    if len(note) > LONGEST_NOTE:
        raise NoteError(f"a note of over {LONGEST_NOTE} characters is not read")
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise NoteError("a note is text, a blank line, and signatures")
    text += "\n"
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    verified = False
    for line in lines[:-1].split("\n"):
        name, key_id, signature = _signature(line)
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.verify(text, signature):
            raise NoteError(f"the signature of {name} does not fit the text")
        verified = True
    if not verified:
        names = ", ".join(sorted({name for name, _ in known})) or "nobody"
        raise NoteError(f"no trusted key signed the note; trusted: {names}")
    return text


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    if not line.startswith(_SIGNATURE_START) or not space:
        raise NoteError(f"not a signature line: {line!r:.80}")
    _check_name(name)
    decoded = decode_base64(encoded)
    if len(decoded) <= ID_BYTES:
        raise NoteError(f"the signature of {name} is too short")
    return name, decoded[:ID_BYTES], decoded[ID_BYTES:]


def _key_parts(text: str, kind: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not encoded:
        raise NoteError(f"a {kind} is name+id+base64, joined by plus signs")
    _check_name(name)
    decoded = decode_base64(encoded)
    if decoded[:1] != ED25519:
        raise NoteError(f"the {kind} is not of Ed25519, the one algorithm that is read here")
    if len(decoded) != 1 + KEY_BYTES:
        raise NoteError(f"the {kind} must hold {KEY_BYTES} bytes, not {len(decoded) - 1}")
    return name, key_id, decoded[1:]


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard base64, which has one way to write each. Raises NoteError."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"not base64: {text!r:.80}") from error
    if _encode(decoded) != text:
        raise NoteError(f"not canonical base64: {text!r:.80}")
    return decoded


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError(f"a key's name has no space and no plus sign: {name!r:.80}")
    _check_text(name)


def _check_text(text: str) -> None:
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("a note holds no control characters but newlines")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("a note is UTF-8") from error
