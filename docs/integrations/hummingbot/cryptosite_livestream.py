"""hummingbot's ai_livestream controller, with signals that end by themselves.

Copy this file beside `ai_livestream.py`, into hummingbot's controllers/directional_trading, and
name `cryptosite_livestream` as `controller_name`. The original acts on the last message until
another comes: where publisher or broker vanish, on a signal that is long over. This one looks at
`valid_until_ts` itself, takes nothing but live signals of `venue`, and drops what it cannot read.
"""

from typing import Any

from controllers.directional_trading.ai_livestream import (
    AILivestreamController,
    AILivestreamControllerConfig,
)


class CryptositeLivestreamControllerConfig(AILivestreamControllerConfig):  # type: ignore[misc]
    """venue: whose market the signals must be of."""

    controller_name: str = "cryptosite_livestream"
    venue: str = "binance"


class CryptositeLivestreamController(AILivestreamController):  # type: ignore[misc]
    """Holds a signal only while it may be entered."""

    def __init__(
        self, config: CryptositeLivestreamControllerConfig, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(config, *args, **kwargs)
        self.processed_data: dict[str, Any] = {"signal": 0, "features": {}}

    async def update_processed_data(self) -> None:
        """Let go of a signal that is over; hummingbot calls this at each of its turns."""
        if self.processed_data["signal"] and self._over(self.processed_data["features"]):
            self.processed_data["signal"] = 0

    def _handle_ml_signal(self, signal: Any, topic: str) -> None:
        try:
            entered = (
                signal["live"] is True
                and signal["venue"] == self.config.venue
                and not signal["stand_aside"]
                and not self._over(signal)
            )
            if entered:
                super()._handle_ml_signal(signal, topic)
                return
            self.processed_data["features"] = signal
        except (KeyError, TypeError, ValueError) as error:
            self.logger().error(f"A message on {topic} is no signal: {error!r}")
        self.processed_data["signal"] = 0

    def _over(self, signal: dict[str, Any]) -> bool:
        over: bool = self.market_data_provider.time() * 1000 >= signal["valid_until_ts"]
        return over
