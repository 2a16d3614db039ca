"""Runs in a bucket, for machines that lose their disks.

A run lies in a directory of this machine, as any other does; a mirror copies it
into the bucket and, where the directory is gone, back again. So nothing else
knows of buckets: checkpoints, tables and the live view are files, and a run
that is cut off the network still has a bucket.

    addresses.py   gs://bucket/path and s3://bucket/path
    stores.py      what a bucket can do, and the one error it has
    gcs.py, s3.py  the clients
    layout.py      how a run lies there, and what of it counts
    mirror.py      from the directory into the bucket, in which order
    restoring.py   from the bucket into the directory

Orbax writes to gs:// by itself, but not to s3://; neither from a process
without a network, nor in a form in which metrics.csv can grow.
"""
