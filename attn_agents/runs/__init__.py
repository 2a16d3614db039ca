"""Runs on disk: the directory, its checkpoints, and what reads them.

Who writes what in a run's directory:

    config.json           the launching process, at each start
    seeds.csv             each actor, when it starts
    metrics.csv, tensorboard/
                          the learner, every few seconds
    checkpoints/          the learner, every few minutes and at the end
    replay/               the replay, which lies in the Reverb server's process
                          or in the learner's, with a checkpoint of the learner
    best/, evaluation_curve.csv
                          the evaluator beside training
    logs/, status/        each process, its own files
    evaluations/, analyses/
                          `launch/evaluate.py`, `launch/analyze.py`

All others only read. `launch/convert.py` rewrites runs of an earlier format.
"""
