"""Several learner hosts of one run: how they meet, agree, and miss one another.

`meeting.py` compares what they were started with, `joining.py` makes them one
JAX program, `company.py` lets them begin and end together, `watch.py` finds out
who is lost. They talk through the key-value store of JAX's coordinator, which
is a part of host 0's learner (`store.py`).
"""
