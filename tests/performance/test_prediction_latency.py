"""The specification's latency bounds: total p99 < 100 ms, read < 10 ms, model < 50 ms."""

import time

from inference.forecasts.schedule import Due
from tests.performance.loops import shipped_loop


async def test_latency_of_a_prediction_stays_under_the_specified_bounds(redis_url, clean_redis):
    loop = shipped_loop(redis_url, clean_redis, ("BTCUSDT",))
    await loop.take_lead()
    tick = round(time.time() / 2)
    results = [
        await loop.ticker.run(Due(tick + n, (tick + n) * 2_000, 0.0, 0), loop.lead.held)
        for n in range(200)
    ]
    taken = [result.report for result in results]
    assert all(report.written for report in taken)

    def p99(name: str) -> float:
        return sorted(float(getattr(report, name)) for report in taken)[197]

    assert p99("total_ms") < 100
    assert p99("read_ms") < 10
    assert p99("model_ms") < 50
