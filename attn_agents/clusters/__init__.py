"""Descriptions for what others run: slices of TPUs, jobs of Kubernetes.

Pure functions of a description. `launch/tpu.py` and `launch/kubernetes.py`
print or run what they make.
"""
