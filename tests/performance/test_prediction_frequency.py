"""The specification's frequency: a prediction every 2.0 s ± 0.1 s."""

from itertools import pairwise

from tests.performance.loops import reports, shipped_loop


async def test_frequency_is_two_seconds_on_the_grid(redis_url, clean_redis):
    loop = shipped_loop(redis_url, clean_redis, ("BTCUSDT",))
    taken = await reports(loop, 5)
    assert [later.tick - earlier.tick for earlier, later in pairwise(taken)] == [1] * 4
    assert all(report.tick_ms % 2_000 == 0 for report in taken)
    assert max(report.lateness_ms for report in taken) < 100
    assert (
        abs(loop.status.document()["components"]["prediction_pipeline"]["frequency_actual"] - 2)
        < 0.1
    )
