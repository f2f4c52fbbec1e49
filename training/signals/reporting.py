"""A report of signal models: Markdown tables and pictures, and the line of JSON for machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws into files, whatever the machine has for a screen

import numpy as np
from matplotlib import pyplot

from inference.vocabulary import DIRECTIONS, Role
from market.candles.series import Floats
from market.candles.timeframes import Timeframe
from training.evaluation import reliability
from training.signals.cards import size, table
from training.signals.judging import Judged, SignalJudgement
from training.signals.protocol import NETWORK

REPORT_NAME = "report.md"
RELIABILITY_NAME = "reliability.png"
BLOCKS_NAME = "blocks.png"
_BINS = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was judged. champion: the model that is served; answers: its probabilities on the
    final test. provenance: in words, what was computed anew and what was taken over."""

    timeframe: Timeframe
    champion: str
    baselines: tuple[str, ...]
    walk_forward: Mapping[str, SignalJudgement]
    final: Mapping[str, SignalJudgement]
    judged: Judged
    answers: Floats
    gate: str
    conclusion: str
    alarms: tuple[str, ...]
    provenance: tuple[str, ...]


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return the line of JSON: the served artefact on the final test, then everything beside."""
    return {
        "timeframe": str(evaluation.timeframe),
        **_line(evaluation.final[evaluation.champion]),
        "champion": evaluation.champion,
        "role": str(Role.CHAMPION if evaluation.champion == NETWORK else Role.BASELINE),
        "judged_on": "final test: the last 20 % of time, later than all fitting",
        "baselines": {name: _line(evaluation.final[name]) for name in evaluation.baselines},
        "networks": {
            name: _line(one)
            for name, one in evaluation.final.items()
            if name not in evaluation.baselines
        },
        "walk_forward": {name: _line(one) for name, one in evaluation.walk_forward.items()},
        "leak_alarms": list(evaluation.alarms),
        "conclusion": evaluation.conclusion,
        "provenance": list(evaluation.provenance),
    }


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write the report and its pictures into `folder`; return the report's path."""
    folder.mkdir(parents=True, exist_ok=True)
    _draw_reliability(evaluation, folder / RELIABILITY_NAME)
    _draw_blocks(evaluation, folder / BLOCKS_NAME)
    parts = [
        f"# Signals {evaluation.timeframe}: {evaluation.champion} is served",
        evaluation.conclusion,
        "## Walk-forward (40 % to 80 % of time; what the choice rests on)",
        size(evaluation.walk_forward, evaluation.champion),
        table(evaluation.walk_forward),
        "## Final test (the last 20 % of time)",
        size(evaluation.final, evaluation.champion),
        table(evaluation.final),
        f"![Reliability of the served model]({RELIABILITY_NAME})",
        f"![Skill by block of time]({BLOCKS_NAME})",
        "## By block of time and by volatility (walk-forward, log-loss skill in %)",
        _parts_table(evaluation.walk_forward),
        "## The gate",
        evaluation.gate,
        "## Leak alarms",
        "; ".join(evaluation.alarms) or "None.",
        "## Where the figures come from",
        "\n".join(f"- {one}" for one in evaluation.provenance),
    ]
    path = folder / REPORT_NAME
    path.write_text("\n\n".join(parts) + "\n")
    return path


def _line(one: SignalJudgement) -> dict[str, Any]:
    interval = one.log_loss_skill
    return {
        "log_loss_skill": interval.value,
        "log_loss_skill_interval": [interval.lower, interval.upper],
        "dm_p": one.dm_p,
        "direction_given_touch": one.direction_given_touch.value,
        "top_decile_direction": one.top_decile_direction.value,
        "ece": one.ece,
        "accuracy": one.accuracy.value,
        "touch_skill": one.touch_skill.value,
        "n": one.n,
        "n_eff": interval.n_eff,
    }


def _parts_table(judgements: Mapping[str, SignalJudgement]) -> str:
    heads = [*(f"block {n}" for n in range(1, 7)), "calm", "middle", "wild"]
    lines = ["| model | " + " | ".join(heads) + " |", "|" + "---|" * (len(heads) + 1)]
    for name, one in judgements.items():
        figures = (*one.block_skills, *one.tercile_skills)
        cells = ("-" if figure is None else f"{100 * figure:+.2f}" for figure in figures)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _draw_reliability(evaluation: Evaluation, path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(5, 5))
    axes.axline((0, 0), slope=1, color="grey", linewidth=1)
    for index, direction in enumerate(DIRECTIONS):
        happened = (evaluation.judged.label == index).astype(np.float64)
        points = np.array(reliability(happened, evaluation.answers[:, index], _BINS))
        axes.plot(points[:, 0], points[:, 1], marker="o", label=str(direction))
    axes.set_xlabel("mean probability (bins of equal mass)")
    axes.set_ylabel("share that happened")
    axes.set_title(f"{evaluation.timeframe}: {evaluation.champion}, final test")
    axes.legend()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def _draw_blocks(evaluation: Evaluation, path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(8, 4))
    width = 0.8 / len(evaluation.walk_forward)
    for number, name in enumerate(evaluation.walk_forward):
        first, last = evaluation.walk_forward[name], evaluation.final.get(name)
        later = () if last is None else last.block_skills
        skills = 100 * np.array([*first.block_skills, *later], dtype=np.float64)
        axes.bar(np.arange(len(skills)) + number * width, skills, width, label=name)
    axes.axhline(0, color="grey", linewidth=1)
    axes.axvline(5.9, color="grey", linewidth=1, linestyle=":")
    axes.set_xticks(
        np.arange(12) + 0.4, [f"w{n}" for n in range(1, 7)] + [f"f{n}" for n in range(1, 7)]
    )
    axes.set_ylabel("log-loss skill, %")
    axes.set_title(f"{evaluation.timeframe}: walk-forward (w) and final test (f), blocks of time")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)
