"""Whether this machine can run attn_agents: the parts of `launch/doctor.py`.

`checks` lists the questions, `locks` compares versions, `games` starts every
game, `child` answers one question, in a process of its own that `runner` starts
and, if need be, ends: a native library may crash or hang, the doctor may not.
"""
