"""What is shipped in `models/`, re-made: the steps of a run up to its gate, into a folder.

Nothing is judged against what serves here, and nothing is put on trial; who ships it decides. Read
by `manage.py retrain --ship DIR`.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from inference.artefacts.versions import Slot
from training.pipeline.engines import Engine, Told
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder


def ship_all(
    orders: Mapping[Slot, SlotOrder],
    engine_of: Callable[[Slot], Engine],
    output: Path,
    told: Told,
) -> None:
    """Write what serves best of each slot to `output`, one slot after the other.

    Killed and asked again, it goes on from the fits that were finished.
    Raises what the engines raise; what was shipped before stays.
    """
    for slot, order in orders.items():
        folder = RunFolder(f"ship-{slot}".replace("/", "-"))
        folder.make()
        engine = engine_of(slot)
        learned = engine.learn(order, folder)
        told(f"{slot}: {learned.rows:,} decisions, digest {learned.digest[:12]}")
        found = engine.walk_forward(order, folder, told)
        shutil.rmtree(folder.challenger, ignore_errors=True)
        made = engine.challenger(order, folder)
        shutil.copytree(folder.challenger, output, dirs_exist_ok=True)
        told(f"{slot}: {made.version} in {output}. {found.conclusion}")
        folder.remove()
