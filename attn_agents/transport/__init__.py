"""From actors to the learner and back.

`interface` says what there is, which is all that actors and learner know of it.
`reverb` connects processes, `threads` the threads of one; their modules and
functions have the same names. `sequences` is what a replay keeps, in both.
`packing` and `packed_frames` make what is sent few bytes, by `compression`.
"""
