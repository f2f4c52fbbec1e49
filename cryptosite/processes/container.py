"""The image's entry point: `python -m cryptosite.processes.container COMMAND…`.

A container is reached from outside it, so it never runs without a token: where none is given
it makes one, keeps it under VAR_DIR and says it. With SETUP_INSTANCE=1 it prepares the
database and the static files first. Then it becomes the command.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path


def provide_token(environ: MutableMapping[str, str], var_dir: Path) -> str | None:
    """Point API_TOKEN_FILE at this instance's token where none is given.

    Returns the token where it was made just now, else None.
    """
    if environ.get("API_TOKEN") or environ.get("API_TOKEN_FILE"):
        return None
    path = var_dir / "api_token"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    environ["API_TOKEN_FILE"] = str(path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w") as file:
        file.write(token)
    return token


def main(command: Sequence[str]) -> int:
    if not command:
        print("usage: python -m cryptosite.processes.container COMMAND…", file=sys.stderr)
        return 64
    environ = dict(os.environ)
    var_dir = Path(environ.get("VAR_DIR") or "var")
    token = provide_token(environ, var_dir)
    if token is not None:
        print(f"API token of this instance, kept in {var_dir / 'api_token'}: {token}", flush=True)
    if environ.get("SETUP_INSTANCE") == "1":
        done = subprocess.run([sys.executable, "manage.py", "setup_instance"], env=environ)
        if done.returncode != 0:
            return done.returncode
    os.execvpe(command[0], list(command), environ)  # noqa: S606  (no shell wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
