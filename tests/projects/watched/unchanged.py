import asyncio
import inspect
import pickle
import sys


def function(a, *, b=2):
    "Its docstring."
    return locals()


class Base:
    subclasses = []

    def __init_subclass__(cls, **keywords):
        Base.subclasses.append(cls.__name__)

    def __class_getitem__(cls, item):
        return item

    def __new__(cls):
        return super().__new__(cls)

    def method(self):
        return __class__


class Derived(Base):
    __slots__ = ()


def generator():
    "One."
    yield sys._getframe().f_code.co_name


async def coroutine():
    return 1


async def asynchronous_generator():
    yield 1


def main():
    assert function(1) == {"a": 1, "b": 2}
    assert function.__doc__ == "Its docstring."
    assert str(inspect.signature(function)) == "(a, *, b=2)"
    assert inspect.isfunction(function)
    assert inspect.getsource(function).startswith("def function(a, *, b=2):")
    assert function.__code__.co_varnames == ("a", "b")
    assert function.__code__.co_filename == __file__
    assert pickle.loads(pickle.dumps(function)) is function
    assert pickle.loads(pickle.dumps(Base.method)) is Base.method
    assert Base.subclasses == ["Derived"]
    assert Base[int] is int
    assert Derived().method() is Base
    assert inspect.isgeneratorfunction(generator) and not inspect.iscoroutinefunction(generator)
    assert next(generator()) == "generator"
    assert inspect.iscoroutinefunction(coroutine) and asyncio.iscoroutinefunction(coroutine)
    assert inspect.isasyncgenfunction(asynchronous_generator)
    assert asyncio.run(coroutine()) == 1
    try:
        function()
    except TypeError as error:
        assert "function() missing 1 required positional argument" in str(error)
    return True
