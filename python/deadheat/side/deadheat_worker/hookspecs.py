"""pytest-benchmark's hooks, so that a `conftest.py` that implements one is accepted; none is called."""


def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
    pass


def pytest_benchmark_generate_machine_info(config):
    pass


def pytest_benchmark_update_machine_info(config, machine_info):
    pass


def pytest_benchmark_generate_commit_info(config):
    pass


def pytest_benchmark_update_commit_info(config, commit_info):
    pass


def pytest_benchmark_group_stats(config, benchmarks, group_by):
    pass


def pytest_benchmark_generate_json(config, benchmarks, include_data, machine_info, commit_info):
    pass


def pytest_benchmark_update_json(config, benchmarks, output_json):
    pass


def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    pass
