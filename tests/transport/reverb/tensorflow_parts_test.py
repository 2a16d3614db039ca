"""Of TensorFlow only what Reverb uses, until somebody asks for more."""

import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[3]
# Modules that all of TensorFlow brings along.
_WHOLE = ('keras', 'pandas', 'tensorflow.lite', 'tensorflow.python.keras')

_USES_REVERB = """
import pathlib, sys, threading
from attn_agents import experiment
from attn_agents.learning import training
from attn_agents.transport.reverb import servers, transport
from tests import in_process
import numpy as np

nowhere = pathlib.Path(sys.argv[1])
for agent in ('impala_shallow', 'dqn'):
  parts = experiment.Experiment(in_process.catch_config(agent=agent))
  transport.make_server(parts, 0, nowhere, None).stop()
server = servers.queue_server(np.zeros(2, np.float32), 4, packed=True)
server.stop()
server = servers.queue_server(np.zeros(2, np.float32), 4)
import reverb
client = reverb.Client(f'localhost:{server.port}')
client.insert([np.full(2, 3.0, np.float32)], {servers.QUEUE_TABLE: 1.0})
print(next(client.sample(servers.QUEUE_TABLE))[0].data)
def show():
  signature = client.server_info()[servers.QUEUE_TABLE].signature
  print(signature, [type(x).__name__ for x in signature.shape])

# Which TensorFlow it is may differ from thread to thread.
thread = threading.Thread(target=show)
thread.start()
thread.join()
print(sorted(set(sys.modules).intersection(WHOLE)))
server.stop()

import importlib.util
import tensorflow as tf
print([importlib.util.find_spec(x) is not None for x in (
    'tensorflow', 'tensorflow.compat.v1', 'tensorflow.python')])
datasets = tf.data.Dataset, tf.compat.v1.data.Dataset
print(tf.compat.as_str_any('x'), tf.compat.v1.placeholder.__name__)
print(tf.constant([1.0]).numpy(), tf.io.gfile.exists('/'))
print(sys.modules['tensorflow'] is not tf, tf.__version__)
import tensorflow
print(datasets == (tensorflow.data.Dataset, tensorflow.compat.v1.data.Dataset))
import tensorflow.keras
print(tensorflow.keras.layers.__name__, tensorflow.TensorSpec is tf.TensorSpec)
""".replace('WHOLE', repr(_WHOLE))

_IS_WHOLE_ALREADY = """
import rlax, tensorflow
from attn_agents.transport.reverb import tensorflow_parts
import sys
print(sys.modules['tensorflow'] is tensorflow, type(tensorflow).__name__)
print(sorted(set(sys.modules).intersection(WHOLE)))
""".replace('WHOLE', repr(_WHOLE))

_IS_ELSEWHERE = """
import importlib, sys
load = importlib.import_module
def missing(name, package=None):
  if name == 'tensorflow.python.framework.tensor_shape':
    importlib.import_module = load
    raise ModuleNotFoundError(name)
  return load(name, package)
importlib.import_module = missing
from attn_agents.transport.reverb import transport
import tensorflow, reverb
print(sys.modules['tensorflow'] is tensorflow, type(tensorflow).__name__)
print(tensorflow.TensorShape([2]), sorted(set(sys.modules).intersection(WHOLE)))
""".replace('WHOLE', repr(_WHOLE))

_IS_MISSING = """
import importlib.util, sys
importlib.util.find_spec = {}.get
from attn_agents.transport.reverb import tensorflow_parts
print('tensorflow' in sys.modules)
"""


def _lines(code: str, *args: str) -> list[str]:
  done = subprocess.run(
    [sys.executable, '-c', code, *args],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout.splitlines()


def test_reverb_needs_no_more_and_who_asks_gets_the_rest(tmp_path):
  (
    data, signature, loaded, found, nested, works, replaced, same, keras,
  ) = _lines(_USES_REVERB, str(tmp_path))  # fmt: skip
  assert data == '[array([3., 3.], dtype=float32)]'
  assert 'shape=(2,), dtype=tf.float32' in signature
  # As TensorFlow 1 they would be objects of a kind of its own.
  assert signature.endswith("['int']")
  assert loaded == '[]'
  assert found == '[True, True, True]'
  assert same == 'True'
  assert nested == 'x placeholder'
  assert works == '[1.] True'
  assert replaced == 'True 2.8.4'
  assert keras == 'keras.api._v2.keras.layers True'


def test_what_is_loaded_already_stays():
  assert _lines(_IS_WHOLE_ALREADY) == ['True module', repr(sorted(_WHOLE))]


def test_where_a_part_is_not_to_be_found_all_of_it_is_loaded():
  assert _lines(_IS_ELSEWHERE) == [
    'True module', f'(2,) {sorted(_WHOLE)!r}',
  ]  # fmt: skip


def test_without_tensorflow_reverb_says_so_itself():
  assert _lines(_IS_MISSING) == ['False']
