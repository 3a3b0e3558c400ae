"""deadheat: did this change make the Python project faster, and can I believe the answer?

The program is the `deadheat` command (`python -m deadheat` is the same); this package has no API of its own.
"""
