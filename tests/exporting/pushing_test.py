"""Uploads, to a hub on this machine that takes them as the real one does."""

import base64
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from attn_agents.exporting import pushing
from configs import errors
from tests.launch import commands

hub = pytest.importorskip('huggingface_hub')


class _Hub(http.server.BaseHTTPRequestHandler):
  """What its client asks for when it uploads; keeps the files."""

  files: dict[str, bytes]
  asked: list[str]

  def log_message(self, *args):
    pass

  def _answer(self, content, code=200):
    data = json.dumps(content).encode()
    self.send_response(code)
    self.send_header('Content-Type', 'application/json')
    self.send_header('Content-Length', str(len(data)))
    self.end_headers()
    self.wfile.write(data)

  def _body(self):
    return self.rfile.read(int(self.headers.get('Content-Length', 0)))

  @property
  def _here(self):
    return f'http://{self.headers["Host"]}'

  def do_GET(self):
    self.asked.append(self.path)
    self._answer({'id': 'me/agent', 'sha': 40 * '0', 'siblings': []})

  def do_HEAD(self):
    self.do_GET()

  def do_PUT(self):
    self.files[self.path.removeprefix('/put/')] = self._body()
    self._answer({})

  def do_POST(self):
    self.asked.append(self.path)
    body = self._body()
    if self.headers.get('Authorization') != 'Bearer hf_right':
      self._answer({'error': 'Invalid token'}, 401)
    elif self.path == '/api/repos/create':
      self._answer({'url': f'{self._here}/me/agent', 'id': '1'})
    elif self.path == '/api/validate-yaml':
      self._answer({'errors': [], 'warnings': []})
    elif '/preupload/' in self.path:
      self._answer(
        {
          'files': [
            {
              'path': file['path'],
              'uploadMode': (
                'lfs' if file['path'].endswith('.safetensors') else 'regular'
              ),
              'shouldIgnore': False,
              'oid': None,
            }
            for file in json.loads(body)['files']
          ]
        }
      )
    elif self.path.endswith('/info/lfs/objects/batch'):
      self._answer(
        {
          'transfer': 'basic',
          'objects': [
            {
              **thing,
              'actions': {
                'upload': {'href': f'{self._here}/put/{thing["oid"]}'}
              },
            }
            for thing in json.loads(body)['objects']
          ],
        }
      )
    elif '/commit/' in self.path:
      for line in body.splitlines():
        found = json.loads(line)
        if found['key'] == 'file':
          value = found['value']
          self.files[value['path']] = base64.b64decode(value['content'])
        elif found['key'] == 'lfsFile':
          value = found['value']
          self.files[value['path']] = self.files.pop(value['oid'])
      self._answer(
        {'commitUrl': f'{self._here}/me/agent/commit/1', 'commitOid': '1'}
      )
    else:
      self._answer({'error': f'not here: {self.path}'}, 404)


@pytest.fixture(name='served')
def _served():
  handler = type('Hub', (_Hub,), {'files': {}, 'asked': []})
  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  yield handler, f'http://127.0.0.1:{server.server_port}'
  server.shutdown()
  server.server_close()


_UPLOAD = """
import pathlib, sys
from attn_agents.exporting import pushing
push = pushing.plan(pathlib.Path(sys.argv[1]), 'me/agent')
try:
  print(push.upload())
except pushing.PushError as error:
  print(error)
  sys.exit(1)
"""


def _upload(directory, endpoint, **variables):
  # The client reads its variables when it is imported.
  return subprocess.run(
    [sys.executable, '-c', _UPLOAD, str(directory)],
    env={
      **os.environ, 'HF_ENDPOINT': endpoint, 'HF_TOKEN': 'hf_right',
      'HF_HUB_DISABLE_XET': '1', 'HF_HUB_DISABLE_PROGRESS_BARS': '1',
      'JAX_PLATFORMS': 'cpu', **variables,
    },
    cwd=commands.LAUNCH.parent,
    capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip


def test_all_files_arrive_and_no_others(served, agent_path, tmp_path):
  handler, endpoint = served
  copy = shutil.copytree(agent_path, tmp_path / 'copy')
  # What `launch/evaluate.py --run=<this>` leaves there.
  (copy / 'evaluations' / 'later').mkdir(parents=True)
  (copy / 'evaluations' / 'later' / 'summary.json').write_text('{}')
  done = _upload(copy, endpoint)
  assert done.returncode == 0, done.stdout + done.stderr
  assert f'{endpoint}/me/agent' in done.stdout
  expected = {
    str(path.relative_to(agent_path)): path.read_bytes()
    for path in agent_path.rglob('*')
    if path.is_file()
  }
  assert handler.files == expected
  assert 'model.safetensors' in expected and 'README.md' in expected


def test_a_refusal_is_one_line(served, agent_path):
  handler, endpoint = served
  done = _upload(agent_path, endpoint, HF_TOKEN='hf_wrong')
  assert done.returncode == 1
  (line,) = done.stdout.strip().splitlines()
  assert line.startswith('--push=me/agent: ') and '401' in line
  assert handler.files == {}


def test_offline_is_one_line(agent_path):
  done = _upload(agent_path, 'http://127.0.0.1:9', HF_HUB_OFFLINE='1')
  assert done.returncode == 1
  (line,) = done.stdout.strip().splitlines()
  assert 'Offline' in line and 'can be pushed again' in line


@pytest.mark.parametrize('name', ['', 'agent', 'a/b/c', 'me/-x', 'me/a..b'])
def test_a_name_that_no_hub_takes_is_refused(name):
  with pytest.raises(errors.ConfigError, match='--push='):
    pushing.require_possible(name)


def test_a_dry_run_lists_what_would_go(agent_path):
  push = pushing.plan(agent_path, 'me/agent')
  words = push.in_words()
  assert words.startswith('me/agent: ')
  size = (agent_path / 'model.safetensors').stat().st_size
  assert f'{size:,} model.safetensors' in words
  assert 'evaluation/catch/summary.json' in words
