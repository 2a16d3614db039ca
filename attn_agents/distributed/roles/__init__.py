"""What each process of a run does, from its start to its end.

`base.Role` is what all of them share. With `--runtime=threads` the same roles
are threads of one process (`programs/threads.py`).
"""
