"""The worker, which runs in the project's interpreter: one process per side and replicate, steered by the driver.

It needs pytest and nothing else. It is started by the path of a file in `scripts`, never by `-m`, so that a project's
`select.py` cannot replace the standard library's.
"""
