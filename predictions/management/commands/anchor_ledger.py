"""Put the ledger's newest checkpoint where others keep it."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from predictions.transparency.anchored import remember_anchored
from predictions.transparency.anchoring import (
    Anchor,
    AnchorError,
    FileAnchor,
    GitAnchor,
    WebhookAnchor,
    anchor,
)
from predictions.transparency.checkpoints import newest_checkpoint
from predictions.transparency.signing import trouble_of
from predictions.transparency.tiles import IncompleteTreeError


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, choices=("file", "git", "webhook"))
        parser.add_argument("--path", type=Path, help="file or folder; for git the repository")
        parser.add_argument("--url", help="where the webhook listens")

    def handle(self, *, to: str, path: Path | None, url: str | None, **_: object) -> None:
        try:
            place = _place(to, path, url)
            if trouble := trouble_of(settings.LEDGER_KEY_FILE, settings.LEDGER_ORIGIN):
                self.stderr.write(f"no newer checkpoint can be signed: {trouble}")
            checkpoint = newest_checkpoint()
            if checkpoint is None:
                raise AnchorError("no checkpoint was signed yet; the recorder signs them")
            where = anchor(checkpoint, place)
        except (AnchorError, IncompleteTreeError) as error:
            raise CommandError(str(error)) from error
        try:
            remember_anchored(settings.VAR_DIR, to, checkpoint.size)
        except OSError as error:
            self.stderr.write(f"that it was anchored cannot be remembered: {error}")
        if where is None:
            self.stdout.write(f"the checkpoint of {checkpoint.size} entries lies there already")
        else:
            self.stdout.write(f"anchored {checkpoint.size} entries: {where}")


def _place(to: str, path: Path | None, url: str | None) -> Anchor:
    if to == "webhook":
        if not url or path:
            raise AnchorError("--to webhook needs --url, and no --path")
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        return WebhookAnchor(url, settings.VAR_DIR / "anchors" / name)
    if not path or url:
        raise AnchorError(f"--to {to} needs --path, and no --url")
    return FileAnchor(path) if to == "file" else GitAnchor(path)
