"""Probabilities and intervals made honest on a slice later than the one weights saw."""

import numpy as np
from scipy.optimize import minimize_scalar

from training.candidates import Calibration, Candidate, tempered
from training.decisions import Decisions
from training.evaluation import log_losses
from training.networks import Floats
from training.recordings import TrainingDataError

INTERVAL_LEVEL = 0.90
TEMPERATURE_RANGE = (0.5, 5.0)
MINIMUM_ROWS = 50


def calibrate(candidate: Candidate, decisions: Decisions) -> Calibration:
    """Fit the candidate's temperature and interval on these decisions, and set them.

    The interval is symmetric: with minutes of data the two tails together say more than each
    alone, and the mirror symmetry of the fit asks for it.
    Raises TrainingDataError where the slice is too small to say anything.
    """
    if len(decisions) < MINIMUM_ROWS:
        raise TrainingDataError(
            f"the calibration slice holds {len(decisions)} decisions; at least {MINIMUM_ROWS}"
            " are needed: give longer recordings"
        )
    answers = candidate.predict(decisions.features)
    residuals = np.abs(decisions.returns_bp - answers[:, 0]) / decisions.moves_bp
    reach = float(np.quantile(residuals, INTERVAL_LEVEL, method="higher"))
    calibration = Calibration(_temperature(answers[:, 3:], decisions), -reach, reach)
    candidate.calibrate(calibration)
    return calibration


def _temperature(probabilities: Floats, decisions: Decisions) -> float:
    def loss(log_temperature: float) -> float:
        answers = tempered(probabilities, float(np.exp(log_temperature)))
        return float(log_losses(decisions.classes, answers).mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_RANGE)), method="bounded")
    return float(np.exp(found.x))
