"""The log's own key: a file that is made once, and read by whoever signs checkpoints."""

import os
import secrets
from pathlib import Path

from django.conf import settings

from predictions.models import Checkpoint
from predictions.transparency.notes import NoteError, Signer, Verifier
from predictions.transparency.text_files import TextFileError, read_text


class SigningKeyError(RuntimeError):
    """The key cannot be read or made, or is another log's. The operator acts; nothing is signed."""


def load_or_make(path: Path, origin: str = "") -> Signer:
    """Return the key in `path`; where there is none, make one for `origin`.

    An empty origin stands for the key's own, and for a random one at its making. Raises
    SigningKeyError where the key cannot be read, or is of another origin.
    """
    try:
        if not path.exists():
            _make(path, origin or f"cryptosite/{secrets.token_hex(8)}")
        signer = Signer.from_text(read_text(path))
    except OSError as error:
        raise SigningKeyError(f"no key can be made in {path}: {error.strerror}") from error
    except (TextFileError, NoteError) as error:
        raise SigningKeyError(
            f"the ledger's key {path} cannot be used: {error}. Put the copy of it in its place or, "
            "where there is none, move it away: manage.py setup_instance makes a new one"
        ) from error
    if origin and signer.name != origin:
        raise SigningKeyError(
            f"the key {path} signs for {signer.name}, and this ledger is {origin} (LEDGER_ORIGIN, "
            f"or as it was signed before): name the LEDGER_KEY_FILE of {origin} or, where nothing "
            f"was signed yet, set LEDGER_ORIGIN={signer.name}"
        )
    return signer


def trouble_of(path: Path, origin: str) -> str:
    """Return what keeps the key in `path` from signing for `origin`, in words, or ""."""
    try:
        if path.exists():
            load_or_make(path, origin)
    except SigningKeyError as error:
        return str(error)
    except OSError as error:
        return f"the ledger's key {path} cannot be reached: {error.strerror}"
    return ""


def log_name(origin: str) -> str:
    """Return what checkpoints are signed as: `origin`, else as before; "" before the first.

    Raises SigningKeyError where they were signed under another name: a name is chosen once, to
    whoever checks another one is another log.
    """
    vkey = Checkpoint.objects.order_by("-size").values_list("vkey", flat=True).first()
    signed = (vkey or "").partition("+")[0]
    if origin and signed and origin != signed:
        raise SigningKeyError(
            f"LEDGER_ORIGIN is {origin}, but checkpoints of this ledger are signed as {signed}: "
            f"set LEDGER_ORIGIN={signed}, or unset it"
        )
    return origin or signed


def refuse_second_key(path: Path) -> None:
    """Raise SigningKeyError where a key would be made though another one signed already.

    So that a recorder on another machine does not go on under a name of its own.
    """
    signed = Checkpoint.objects.order_by("-size").values_list("vkey", flat=True).first()
    if signed is not None and not path.exists():
        raise SigningKeyError(
            f"checkpoints of this ledger are signed with {signed}, and there is no key in {path}: "
            "put a copy there or, where it is lost, make a new one by manage.py setup_instance"
        )


def own_verifier(path: Path) -> Verifier | None:
    """Return the public half of the key in `path`; None where it is not there or not readable."""
    try:
        return load_or_make(path).verifier if path.exists() else None
    except (SigningKeyError, OSError):
        return None


def known_verifiers() -> list[Verifier]:
    """Return the keys that the stored checkpoints name, and this instance's own."""
    found: dict[str, Verifier] = {}
    for vkey in Checkpoint.objects.order_by().values_list("vkey", flat=True).distinct():
        try:
            found[vkey] = Verifier.from_vkey(vkey)
        except NoteError:
            continue  # named where its checkpoint is checked
    own = own_verifier(settings.LEDGER_KEY_FILE)
    if own is not None:
        found[own.vkey] = own
    return list(found.values())


def _make(path: Path, origin: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{Signer.generate(origin).text}\n")
            file.flush()
            os.fsync(file.fileno())
        # Of several processes that start together, one key wins, and it is whole when it appears.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
