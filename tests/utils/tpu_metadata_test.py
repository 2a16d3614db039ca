"""What the cloud says of a TPU host, asked before it is confined."""

import http.server
import os
import threading

import pytest

from attn_agents.distributed import process_environment
from attn_agents.utils import tpu_metadata

# As a host of a v5litepod-16 has it.
_ENV = """ACCELERATOR_TYPE: 'v5litepod-16'
CHIPS_PER_HOST_BOUNDS: '2,2,1'
HOST_BOUNDS: '2,2,1'
CONSUMER_PROJECT_ID: 'some-project'
NODE_ID: 'mine'
TPU_CHIPS_PER_PROCESS_BOUNDS: '2,2,1'
WORKER_ID: '3'
ZONE: 'us-west4-a'
"""


class _Answer(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    asked = self.path == '/computeMetadata/v1/instance/attributes/tpu-env'
    right = asked and self.headers['Metadata-Flavor'] == 'Google'
    self.send_response(200 if right else 404)
    self.end_headers()
    self.wfile.write(_ENV.encode() if right else b'no')

  def log_message(self, *_):
    pass


@pytest.fixture(name='server')
def _server():
  server = http.server.HTTPServer(('127.0.0.1', 0), _Answer)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  yield f'127.0.0.1:{server.server_port}'
  server.shutdown()
  server.server_close()


def test_a_confined_host_knows_what_it_cannot_ask(server, monkeypatch):
  for name in [*os.environ]:
    if name.startswith('TPU_'):
      monkeypatch.delenv(name)
  text = tpu_metadata.read(server)
  assert text == _ENV
  assert process_environment.of_confined_tpu(text) == {
    'TPU_SKIP_MDS_QUERY': '1',
    'TPU_ACCELERATOR_TYPE': 'v5litepod-16',
    'TPU_CHIPS_PER_HOST_BOUNDS': '2,2,1',
    'TPU_CHIPS_PER_PROCESS_BOUNDS': '2,2,1',
    # It is the only one of its run.
    'TPU_HOST_BOUNDS': '1,1,1',
    'TPU_PROCESS_BOUNDS': '1,1,1',
    'TPU_WORKER_ID': '0',
    'TPU_WORKER_HOSTNAMES': 'localhost',
  }
  monkeypatch.setenv('TPU_WORKER_ID', '5')
  assert 'TPU_WORKER_ID' not in process_environment.of_confined_tpu(text)


def test_elsewhere_nothing_is_set(server):
  assert tpu_metadata.read(f'{server}/elsewhere') == ''
  assert tpu_metadata.read('127.0.0.1:1') == ''
  assert process_environment.of_confined_tpu('') == {}
  assert process_environment.of_confined_tpu('<html>no</html>') == {}


@pytest.mark.parametrize('skip', [False, True])
def test_jax_finds_no_hosts_once_that_is_set(monkeypatch, skip):
  """Why it is set after hosts have been looked for."""
  from jax._src.clusters import cloud_tpu_cluster

  monkeypatch.delenv('TPU_SKIP_MDS_QUERY', raising=False)
  monkeypatch.setattr(cloud_tpu_cluster, 'running_in_cloud_tpu_vm', True)
  monkeypatch.setattr(cloud_tpu_cluster, 'get_metadata', lambda _: ('3', 200))
  if skip:
    monkeypatch.setenv('TPU_SKIP_MDS_QUERY', '1')
  assert cloud_tpu_cluster.GceTpuCluster.is_env_present() is not skip


def test_the_clouds_own_server_is_asked_for_seconds_at_most(monkeypatch):
  asked = []

  def ask(request, timeout):
    asked.append((request.full_url, timeout))
    raise OSError('timed out')

  monkeypatch.setattr(tpu_metadata.urllib.request, 'urlopen', ask)
  monkeypatch.setattr(tpu_metadata, '_SERVER', 'metadata.google.internal')
  assert tpu_metadata.read() == ''
  assert asked == [
    (
      'http://metadata.google.internal/computeMetadata/v1/instance/attributes/'
      'tpu-env', 5.0,
    )
  ]  # fmt: skip
