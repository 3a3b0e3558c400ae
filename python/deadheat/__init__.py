"""deadheat: did this change make the Python project faster, and can I trust the answer?

The program is the `deadheat` command (or `python -m deadheat`); this package has no API.
"""
