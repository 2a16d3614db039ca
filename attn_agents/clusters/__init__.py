"""What others run: slices of TPUs, jobs of Kubernetes and of Slurm.

Pure functions of a description, which `launch/tpu.py`, `launch/kubernetes.py`
and `launch/slurm.py` print or run; and what is known of jobs of Slurm.
"""
