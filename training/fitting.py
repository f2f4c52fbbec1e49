"""Weights from decisions: linear paths in closed form, the network by gradient, trees.

Every fit sees the rows and their mirror images (see scaling). Choices inside a fit (penalty,
number of epochs or trees) are made on the later part of the fit's own rows, never on the
calibration or the test slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import torch
from torch import Tensor, nn

from market.hot.vector import FEATURE_COUNT, HORIZON_MS
from training.candidates import Candidate, GraphCandidate, TreesCandidate
from training.decisions import Decisions
from training.networks import MICROPRICE, Floats, Forecaster, InputTransform
from training.options import ForecastOptions
from training.recordings import TooLittleDataError
from training.scaling import fit_transform, scaled, with_mirror
from training.splits import Integers, Mask, between

PENALTIES = (1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Ridge penalties tried, per row and in units of the inputs' variance."""
INNER_SHARE = 0.75
MINIMUM_ROWS = 100
UNCHANGED, MICROPRICE_LINEAR, RIDGE, TREES, NETWORK = (
    "zero change",
    "microprice-linear",
    "ridge on 20",
    "LightGBM on 20",
    "network",
)
LINEAR_COLUMNS: dict[str, Sequence[int]] = {
    UNCHANGED: (),
    MICROPRICE_LINEAR: (MICROPRICE,),
    RIDGE: range(FEATURE_COUNT),
}
FITTED = (UNCHANGED, MICROPRICE_LINEAR, RIDGE, TREES, NETWORK)
"""What the protocol fits and judges, simplest first."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Scaled inputs [n, 20], targets [n], classes [n], mirror images included."""

    inputs: Floats
    targets: Floats
    classes: Integers


def fit_named(name: str, decisions: Decisions, options: ForecastOptions) -> Candidate:
    """Fit one of FITTED. Raises TrainingDataError where there are too few decisions."""
    if name == NETWORK:
        return fit_network(decisions, options)
    if name == TREES:
        return fit_trees(decisions, seed=options.seed)
    return fit_linear(name, decisions, LINEAR_COLUMNS[name])


def options_read(name: str, options: ForecastOptions) -> dict[str, object]:
    """Return the options that the fit of this name depends on."""
    if name == NETWORK:
        return options.as_record()
    return {"seed": options.seed} if name == TREES else {}


def fit_linear(name: str, decisions: Decisions, columns: Sequence[int]) -> GraphCandidate:
    """Fit ridge (the move) and penalised multinomial logistic (the direction) on columns.

    No column at all is the "zero change" forecast with the class shares as probabilities.
    """
    transform, early, late, whole = _lessons(decisions)
    chosen = list(columns)
    penalty, logit_penalty = PENALTIES[-1], PENALTIES[-1]
    if chosen:
        penalty = min(PENALTIES, key=lambda p: _move_loss(_ridge(early, chosen, p), late))
        logit_penalty = min(PENALTIES, key=lambda p: _logit_loss(_logits(early, chosen, p), late))
    graph = Forecaster(horizon_seconds=HORIZON_MS / 1000)
    graph.transform = transform
    _set_linear(graph, _ridge(whole, chosen, penalty), _logits(whole, chosen, logit_penalty))
    return GraphCandidate(name, graph)


def fit_microprice(decisions: Decisions) -> GraphCandidate:
    """Fit the ridge on 1e4·ln(micro/m) alone."""
    return fit_linear(MICROPRICE_LINEAR, decisions, LINEAR_COLUMNS[MICROPRICE_LINEAR])


def fit_ridge(decisions: Decisions) -> GraphCandidate:
    """Fit the ridge on all 20 inputs."""
    return fit_linear(RIDGE, decisions, LINEAR_COLUMNS[RIDGE])


def fit_trees(decisions: Decisions, *, seed: int) -> TreesCandidate:
    """Fit LightGBM on all 20 inputs; the number of trees is chosen on the later rows."""
    transform, early, late, whole = _lessons(decisions)
    boosters = []
    for labels, extra in (
        ("targets", {"objective": "l2"}),
        ("classes", {"objective": "multiclass", "num_class": 3}),
    ):
        parameters = {
            "learning_rate": 0.03,
            "num_leaves": 7,
            "min_data_in_leaf": 50,
            "lambda_l2": 1.0,
            "feature_fraction": 0.8,
            "seed": seed,
            "deterministic": True,
            "num_threads": 1,
            "verbosity": -1,
            **extra,
        }
        train = lightgbm.Dataset(early.inputs, getattr(early, labels))
        trial = lightgbm.train(
            parameters,
            train,
            num_boost_round=300,
            valid_sets=[lightgbm.Dataset(late.inputs, getattr(late, labels), reference=train)],
            callbacks=[lightgbm.early_stopping(20, verbose=False)],
        )
        everything = lightgbm.Dataset(whole.inputs, getattr(whole, labels))
        rounds = max(1, trial.best_iteration)
        boosters.append(lightgbm.train(parameters, everything, num_boost_round=rounds))
    return TreesCandidate(TREES, transform, *boosters)


def fit_network(decisions: Decisions, options: ForecastOptions) -> GraphCandidate:
    """Fit the linear path plus MLP residual, from the ridge on, and keep the best epoch.

    The residual's output is penalised, so that it stays zero unless it earns its place.
    The same seed gives the same weights on a CPU.
    """
    transform, early, late, _ = _lessons(decisions)
    columns = list(range(FEATURE_COUNT))
    penalty = min(PENALTIES, key=lambda p: _move_loss(_ridge(early, columns, p), late))
    logit_penalty = min(PENALTIES, key=lambda p: _logit_loss(_logits(early, columns, p), late))
    torch.manual_seed(options.seed)
    graph = Forecaster(horizon_seconds=HORIZON_MS / 1000, hidden=options.hidden)
    graph.transform = transform
    _set_linear(graph, _ridge(early, columns, penalty), _logits(early, columns, logit_penalty))
    _descend(graph, early, late, options)
    return GraphCandidate(NETWORK, graph.to("cpu").eval())


def _descend(graph: Forecaster, early: Lesson, late: Lesson, options: ForecastOptions) -> None:
    device, size = options.device, options.batch_size
    graph.to(device)
    train, check = _tensors(early, device), _tensors(late, device)
    weights = [*graph.linear.parameters(), *_residual_of(graph).parameters()]
    optimiser = torch.optim.AdamW(
        weights, lr=options.learning_rate, weight_decay=options.weight_decay
    )
    order = np.random.default_rng(options.seed)
    best, kept, waited = _network_loss(graph, check).item(), _copy(graph), 0
    for _ in range(options.max_epochs):
        rows = torch.from_numpy(order.permutation(len(train[0]))).to(device)
        shuffled = [column[rows] for column in train]
        for batch in zip(*(torch.split(column, size) for column in shuffled), strict=True):
            optimiser.zero_grad()
            _backward(_network_loss(graph, batch, options))
            optimiser.step()
        loss = _network_loss(graph, check).item()
        if loss < best:
            best, kept, waited = loss, _copy(graph), 0
        else:
            waited += 1
            if waited >= options.patience:
                break
    graph.load_state_dict(kept)


def inner_rows(decisions: Decisions) -> tuple[Mask, Mask]:
    """Return the rows that choices inside a fit learn from, and the later ones that judge them.

    Raises TooLittleDataError where there are too few.
    """
    if len(decisions) < MINIMUM_ROWS:
        raise TooLittleDataError(
            f"{len(decisions)} decisions to fit on; at least {MINIMUM_ROWS} are needed:"
            " give longer recordings"
        )
    timeline = decisions.timeline
    early = between(timeline, 0.0, INNER_SHARE, embargo_ms=0)
    late = between(timeline, INNER_SHARE, 1.0, embargo_ms=0, last=True)
    if not early.any() or not late.any():
        raise TooLittleDataError(
            "the recordings are too short to choose a penalty on: after the warm-up minute they"
            " must last well over a minute"
        )
    return early, late


def _lessons(decisions: Decisions) -> tuple[InputTransform, Lesson, Lesson, Lesson]:
    early, late = inner_rows(decisions)
    transform = fit_transform(decisions.features)
    inputs = scaled(transform, decisions.features)

    def lesson(rows: np.typing.NDArray[np.bool_]) -> Lesson:
        return Lesson(*with_mirror(inputs[rows], decisions.targets[rows], decisions.classes[rows]))

    return transform, lesson(early), lesson(late), lesson(np.ones(len(decisions), dtype=np.bool_))


def _ridge(lesson: Lesson, columns: list[int], penalty: float) -> Floats:
    weights = np.zeros(FEATURE_COUNT)
    if columns:
        inputs = lesson.inputs[:, columns]
        gram = inputs.T @ inputs / len(inputs) + penalty * np.eye(len(columns))
        weights[columns] = np.linalg.solve(gram, inputs.T @ lesson.targets / len(inputs))
    return weights


def _logits(lesson: Lesson, columns: list[int], penalty: float) -> Floats:
    inputs = torch.from_numpy(lesson.inputs[:, columns])
    classes = torch.from_numpy(lesson.classes)
    weights = torch.zeros(3, len(columns), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(inputs @ weights.T + bias, classes)
        loss = loss + 0.5 * penalty * (weights**2).sum()
        _backward(loss)
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch ships it untyped
    full = np.zeros((3, FEATURE_COUNT + 1))
    full[:, columns] = weights.detach().numpy()
    full[:, -1] = bias.detach().numpy()
    return full


def _move_loss(weights: Floats, lesson: Lesson) -> float:
    return float(((lesson.targets - lesson.inputs @ weights) ** 2).mean())


def _logit_loss(weights: Floats, lesson: Lesson) -> float:
    logits = torch.from_numpy(lesson.inputs @ weights[:, :-1].T + weights[:, -1])
    return nn.functional.cross_entropy(logits, torch.from_numpy(lesson.classes)).item()


def _set_linear(graph: Forecaster, move: Floats, logits: Floats) -> None:
    with torch.no_grad():
        weights = np.concatenate([move[None, :], logits[:, :-1]])
        graph.linear.weight.copy_(torch.from_numpy(weights))
        graph.linear.bias.copy_(torch.from_numpy(np.concatenate([[0.0], logits[:, -1]])))


def _tensors(lesson: Lesson, device: str) -> tuple[Tensor, ...]:
    return (
        torch.from_numpy(lesson.inputs.astype(np.float32)).to(device),
        torch.from_numpy(lesson.targets.astype(np.float32)).to(device),
        torch.from_numpy(lesson.classes).to(device),
    )


def _network_loss(
    graph: Forecaster, batch: tuple[Tensor, ...], options: ForecastOptions | None = None
) -> Tensor:
    """Loss of a batch; with options the one to learn by, without the one to judge by."""
    inputs, targets, classes = batch
    linear = graph.linear(inputs)
    residual = _residual_of(graph)(inputs)
    heads = linear + residual  # [n, 4]
    move = nn.functional.mse_loss(heads[:, 0], targets)
    smoothing = options.label_smoothing if options else 0.0
    direction = nn.functional.cross_entropy(heads[:, 1:], classes, label_smoothing=smoothing)
    penalty = options.residual_penalty if options else 0.0
    loss: Tensor = move + direction + penalty * (residual**2).mean()
    return loss


def _backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped


def _residual_of(graph: Forecaster) -> nn.Module:
    if graph.residual is None:
        raise ValueError("this forecaster was built without a residual (hidden=0)")
    return graph.residual


def _copy(graph: Forecaster) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in graph.state_dict().items()}
