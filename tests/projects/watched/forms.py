import functools


def plain():
    return 1


class C:
    def method(self):
        return plain()

    @classmethod
    def class_method(cls):
        pass

    @staticmethod
    def static_method():
        pass

    @property
    def value(self):
        "A docstring alone."

    @value.setter
    def value(self, value):
        self._value = value


def decorate(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)

    return wrapper


@decorate
def decorated():
    pass


@functools.lru_cache(maxsize=None)
def cached(n):
    return n


def outer():
    def nested():
        return plain()

    return nested


def not_a_target():
    return plain()


plain()


def main():
    c = C()
    for _ in range(2):
        c.method()
    for _ in range(3):
        C.class_method()
    for _ in range(4):
        C.static_method()
    for _ in range(5):
        c.value
    for _ in range(6):
        c.value = 1
    for _ in range(7):
        decorated()
    for n in range(8):
        cached(n % 2)
    for _ in range(9):
        outer()()
    not_a_target()
    exec("def plain(): pass\nfor _ in range(10): plain()")
