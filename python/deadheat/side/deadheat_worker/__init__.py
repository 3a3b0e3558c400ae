"""What runs in the project's interpreter: one process a side and a replicate, steered by the driver.

It needs pytest and nothing else. It is started by the path of `__main__.py`, never by `-m`, so that a project's
`select.py` cannot stand in the standard library's place.
"""
