"""What an imported model was asked on recorded rows, and how it answered. Told by the command."""

from dataclasses import dataclass, field


class ImportRefusedError(ValueError):
    """The model may not be taken in; the text says what it did, and what is allowed."""


@dataclass(slots=True)
class Findings:
    """rows: how many recorded rows were answered, and where they come from. objections: why it is
    refused; figures: what was measured on the rows, None where too few tell."""

    rows: int
    source: str
    objections: list[str] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=dict)

    def refuse(self) -> None:
        """Raise ImportRefusedError naming every objection, if there is one."""
        if self.objections:
            raise ImportRefusedError("refused: " + "; ".join(self.objections))

    def lines(self) -> list[str]:
        """Return what was found as sentences."""
        told = ", ".join(
            f"{name} {'unknown' if value is None else format(value, '.4f')}"
            for name, value in self.figures.items()
        )
        return [
            f"checked on {self.rows} rows of {self.source}: each answer depends on its own row "
            "alone, whatever the batch, its order and its length, and whatever came before",
            f"measured there: {told or 'nothing'} (what it learned from is not known: these may be "
            "rows that it has seen)",
        ]
