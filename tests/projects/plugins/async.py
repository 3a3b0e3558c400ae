import asyncio
import gc

import pytest
from pkg.core import work, work_async


def test_target(benchmark):
    assert benchmark(work_async, 100) == 148500


def test_pedantic_target(benchmark):
    assert benchmark.pedantic(work_async, (100,), rounds=5, iterations=3) == 148500


async def use_up(numbers):
    return await work_async(numbers.pop())


def test_prepared_target(benchmark):
    torn_down = []
    asked = {"setup": lambda: (([100],), {}), "teardown": torn_down.append, "rounds": 3}
    assert benchmark.pedantic(use_up, **asked) == 148500
    # Each call's own list.
    assert len(torn_down) >= 3
    assert len({id(numbers) for numbers in torn_down}) == len(torn_down)


@pytest.mark.asyncio
async def test_prepared_and_awaited(benchmark):
    torn_down = []
    asked = {"setup": lambda: (([100],), {}), "teardown": torn_down.append, "rounds": 3}
    assert await benchmark.pedantic(use_up, **asked) == 148500
    assert len(torn_down) >= 3


@pytest.mark.asyncio
@pytest.mark.benchmark(disable_gc=True)
async def test_collector_awaited(benchmark):
    enabled = set()

    async def look():
        enabled.add(gc.isenabled())
        return await work_async(100)

    await benchmark(look)
    assert enabled - {True} == {False}
    assert gc.isenabled()
    # The collector passes over everything that pytest and the imports left.
    assert gc.get_freeze_count() > 0


@pytest.mark.asyncio
async def test_awaited(benchmark):
    async def on_this_loop():
        assert asyncio.get_running_loop() is loop
        return await work_async(100)

    loop = asyncio.get_running_loop()
    assert await benchmark(on_this_loop) == 148500


@pytest.mark.asyncio
async def test_plain_in_async(benchmark):
    assert benchmark(work, 100) == 148500


@pytest.mark.asyncio
@pytest.mark.benchmark
async def test_marked():
    await work_async(1000)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_anyio(anyio_backend, benchmark):
    assert await benchmark(work_async, 100) == 148500


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio(anyio_backend, benchmark):
    assert await benchmark(work_async, 100) == 148500


@pytest.mark.anyio
@pytest.mark.benchmark
async def test_anyio_marked(anyio_backend):
    await work_async(10000)
