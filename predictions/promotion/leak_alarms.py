"""Figures too good to be true. Past these limits the finding is a leak, not a discovery.

Read by training's gates, and by the import of models.
"""

from collections.abc import Mapping

from predictions.accuracy.intervals import Estimate

R2_ALARM = 0.12
HIT_RATE_ALARM = 0.70
MAE_RATIO_ALARM = 0.93
LOG_LOSS_SKILL_ALARM = 0.05
DIRECTION_ALARM = 0.60
TOP_DIRECTION_ALARM = 0.68


def leak_alarms(metrics: Mapping[str, float | None]) -> list[str]:
    """Name every out-of-sample figure past its alarm; an empty list is the good answer.

    metrics: r2, hit_rate, mae_ratio; an absent or unknown (None) figure raises no alarm.
    """
    alarms = []
    r2, hit_rate, mae_ratio = (metrics.get(name) for name in ("r2", "hit_rate", "mae_ratio"))
    if r2 is not None and r2 > R2_ALARM:
        alarms.append(f"R² {r2:+.3f} is above {R2_ALARM}: look for a leak")
    if hit_rate is not None and hit_rate > HIT_RATE_ALARM:
        alarms.append(f"hit rate {hit_rate:.3f} is above {HIT_RATE_ALARM}: look for a leak")
    if mae_ratio is not None and mae_ratio < MAE_RATIO_ALARM:
        alarms.append(f"MAE ratio {mae_ratio:.3f} is below {MAE_RATIO_ALARM}: look for a leak")
    return alarms


def signal_alarms(metrics: Mapping[str, Estimate]) -> list[str]:
    """Name every out-of-sample figure of a signal model past its alarm.

    metrics: log_loss_skill, direction_given_touch, top_decile_direction; an absent or unknown
    figure raises no alarm. An alarm tells whether its limit lies inside the figure's interval:
    on few independent decisions chance alone passes it.
    """
    limits = {
        "log_loss_skill": LOG_LOSS_SKILL_ALARM,
        "direction_given_touch": DIRECTION_ALARM,
        "top_decile_direction": TOP_DIRECTION_ALARM,
    }
    alarms = []
    for name, limit in limits.items():
        figure = metrics.get(name)
        if figure is None or figure.value is None or figure.value <= limit:
            continue
        sure = figure.lower is not None and figure.lower > limit
        meaning = "look for a leak" if sure else "a leak, or chance: its interval holds the limit"
        alarms.append(f"{name} {figure.value:.3f} is above {limit}: {meaning}")
    return alarms
