#!/usr/bin/env bash
# tensorflow-probability 0.25.0 on JAX 0.5.3 (Python 3.10), beside TensorFlow.
#
# Expected: `tensorflow_probability.substrates.jax`, which is made to work without
#           TensorFlow, does not use it. So rlax and distrax do not, either.
# Happens:  where TensorFlow is installed all of it is imported, Keras included,
#           only to copy docstrings. So `import rlax` does it, in every process.
# Instead:  `sys.modules['tensorflow'] = None` around the first such import.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  rlax==0.1.7 distrax==0.1.5 tensorflow-probability==0.25.0 chex==0.1.90 \
  jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4 protobuf==3.19.6 keras==2.8.0 \
  tensorflow-cpu==2.8.4 setuptools==75.8.0

try() {
  "$folder/venv/bin/python" - 2>"$folder/log" <<PYTHON
import resource
import sys

$1
import rlax

loaded = 'tensorflow.python.framework' in sys.modules
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print('TensorFlow is', 'loaded' if loaded else 'not loaded', megabytes, 'MB')
print('rlax works:', rlax.epsilon_greedy(0.1) is not None)
PYTHON
}

found=$(try '') || { tail -n 20 "$folder/log" >&2; exit 1; }
left_out=$(try "sys.modules['tensorflow'] = None") \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
printf 'as it is:\n%s\nleft out:\n%s\n' "$found" "$left_out"
case "$found / $left_out" in
  *'is loaded'*' / '*'not loaded'*) echo 'as stated' ;;
  *) echo 'NOT as stated'; exit 1 ;;
esac
