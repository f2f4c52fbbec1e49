"""Make an instance ready to serve: database, static files, an administrator.

Read by `setup_instance` and `start_instance`. Every step does nothing where nothing is missing.
"""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from predictions.transparency.signing import SigningKeyError, load_or_make, log_name

ADMIN_NAME = "admin"

Say = Callable[[str], object]


def set_up(say: Say) -> None:
    """Migrate, collect changed static files; make the first administrator and the key."""
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    call_command("migrate", interactive=False, verbosity=0)
    collect_static(say)
    create_first_admin(say)
    make_ledger_key(say)


def collect_static(say: Say) -> bool:
    """Collect and compress static files; return False where the last collection still holds."""
    stamp = Path(f"{settings.STATIC_ROOT}.stamp")
    digest = _static_digest()
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    say("collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(digest)
    return True


def create_first_admin(say: Say) -> bool:
    """Create the account `admin` with a random password, said once, where nobody is admin yet."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists() or users.filter(username=ADMIN_NAME).exists():
        return False
    password = secrets.token_urlsafe(12)
    users.create_superuser(ADMIN_NAME, password=password)
    say(
        f"admin account: name {ADMIN_NAME}, password {password}\n"
        "  (shown this once; `manage.py changepassword admin` sets another)"
    )
    return True


def make_ledger_key(say: Say) -> bool:
    """Make the key that the ledger's checkpoints are signed with, where there is none yet."""
    path: Path = settings.LEDGER_KEY_FILE
    made = not path.exists()
    try:
        signer = load_or_make(path, log_name(settings.LEDGER_ORIGIN))
    except SigningKeyError as error:
        # The rest of the instance works without; the recorder says so again.
        say(f"the ledger's checkpoints will not be signed: {error}")
        return False
    if made:
        say(f"ledger key: {path} (keep a copy); others check with {signer.verifier.vkey}")
    return made


def _static_digest() -> str:
    digest = hashlib.sha256(django.__version__.encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
