"""A tick over a link that answers what tests tell it to."""

from typing import Any

import hiredis
import pytest

from inference.forecasts.forecaster import Forecaster
from inference.forecasts.schedule import Due, Schedule
from inference.forecasts.ticking import Ticker
from inference.handover.lease import Held
from inference.handover.link import LinkError, Pipeline
from market.clock import LiveClock
from tests.hot_state import config, speaker

CLOCK = [b"replay/1", b"0", b"1000.0", b"1000.0", b"1.0"]


class FakeLink:
    """Answers every pipeline with the same reply to each command."""

    connected = True

    def __init__(self, reply: Any) -> None:
        self.reply = reply
        self.asked = 0

    async def execute(self, pipeline: Pipeline) -> list[Any]:
        self.asked += 1
        if isinstance(self.reply, LinkError):
            raise self.reply
        return [self.reply] * pipeline.count

    def close(self) -> None: ...


def ticker(link: FakeLink) -> Ticker:
    settings = config()
    return Ticker(
        config=settings,
        forecaster=Forecaster(("BTCUSDT",), settings, speaker()),
        link=link,
        schedule=Schedule(settings.prediction.tick_ms, LiveClock()),
    )


@pytest.mark.parametrize("said", ["LOADING Redis is loading", "CLUSTERDOWN The cluster is down"])
async def test_tick_on_a_redis_that_is_not_ready_waits_and_keeps_its_market(said: str) -> None:
    link = FakeLink(CLOCK)
    subject = ticker(link)
    before = await subject.look()
    link.reply = hiredis.ReplyError(said)
    with pytest.raises(LinkError, match=said):
        await subject.run(Due(10, 2_000, 0.0, 0), Held(1, "1:me"))
    assert subject.market == before


async def test_lost_connection_is_retried_as_often_as_configured() -> None:
    link = FakeLink(LinkError("gone"))
    with pytest.raises(LinkError):
        await ticker(link).look()
    assert link.asked == 1 + config().redis.max_retries
