"""Many symbols in one tick, and many readers of /predict while it runs."""

import asyncio

import aiohttp

from inference.server import HealthServer
from tests.performance.loops import reports, shipped_loop


async def test_hundred_symbols_a_tick_stay_under_the_specified_bound(redis_url, clean_redis):
    symbols = tuple(f"COIN{index}USDT" for index in range(100))
    loop = shipped_loop(redis_url, clean_redis, symbols)
    taken = await reports(loop, 3)
    assert all(report.symbols == 100 and report.written for report in taken)
    assert max(report.total_ms for report in taken) < 100


async def test_readers_of_predict_do_not_delay_the_tick(redis_url, clean_redis):
    loop = shipped_loop(redis_url, clean_redis, ("BTCUSDT",))
    server = HealthServer(loop.status.document, lambda: loop.latest, "127.0.0.1", "")
    port = await server.listen(0)
    ticking = asyncio.create_task(reports(loop, 3))
    answers: list[int] = []

    async def read(session: aiohttp.ClientSession) -> None:
        while not ticking.done():
            async with session.get(f"http://127.0.0.1:{port}/predict") as response:
                answers.append(response.status)
            await asyncio.sleep(0.2)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(read(session) for _ in range(20)))
    taken = await ticking
    await server.close()
    assert answers.count(200) > 100
    assert set(answers) <= {200, 503}  # 503 until the first forecast
    assert max(report.lateness_ms for report in taken) < 100
    assert max(report.total_ms for report in taken) < 100
