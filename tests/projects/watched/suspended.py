import asyncio
import time


def generator(n):
    for i in range(n):
        got = yield i


def delegating(n):
    yield from generator(n)
    return 3


async def coroutine():
    await asyncio.sleep(0.001)
    return await inner()


async def inner():
    await asyncio.sleep(0.02)
    return 5


async def asynchronous_generator(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def cancelled():
    try:
        await asyncio.sleep(10)
    finally:
        plain()


def plain():
    pass


async def program():
    tasks = [asyncio.create_task(coroutine()) for _ in range(100)]
    results = await asyncio.gather(*tasks)
    assert results == [5] * 100
    assert [i async for i in asynchronous_generator(3)] == [0, 1, 2]
    async for i in asynchronous_generator(3):
        break
    task = asyncio.create_task(cancelled())
    await asyncio.sleep(0.001)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return 7


def main():
    assert list(generator(3)) == [0, 1, 2]
    assert list(delegating(2)) == [0, 1]
    abandoned = generator(10)
    next(abandoned)
    del abandoned
    closed = generator(10)
    next(closed)
    closed.close()
    thrown = generator(10)
    next(thrown)
    try:
        thrown.throw(KeyError("x"))
    except KeyError:
        pass
    never_started = generator(10)
    return asyncio.run(program())
