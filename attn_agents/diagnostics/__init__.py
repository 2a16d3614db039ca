"""Whether this machine can run attn_agents: the parts of `launch/doctor.py`.

`checks` lists the checks, `locks` compares versions, `games` starts every game,
`agents` measures what agents cost. `runner` runs each in `child`, a process of
its own: a native library may crash or hang, the doctor may not.
"""
