from pkg import not_there_yet


def test_new(benchmark):
    benchmark(not_there_yet)
