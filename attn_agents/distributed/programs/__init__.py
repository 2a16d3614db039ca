"""Which roles run together: one module for each `--runtime`.

`supervisor.py` starts a module here as a child process, with `--topology=JSON`.
Other ways to place the same roles, such as several hosts or a batch system, are
modules beside these.
"""
