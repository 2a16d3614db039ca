"""The recipes of containers: the real tools take them, build and run them."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_RECIPE = _ROOT / 'containers' / 'Containerfile'
# What python3.10 and `make` need, beside a minimal Debian.
_PACKAGES = (
  'make,ca-certificates,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,'
  'liblzma5,libreadline8,libncursesw6,iproute2'
)


def _lint(path: pathlib.Path) -> subprocess.CompletedProcess:
  return subprocess.run(
    [pathlib.Path(sys.executable).with_name('hadolint'), path],
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )


def test_hadolint_takes_the_recipe(tmp_path):
  done = _lint(_RECIPE)
  assert done.returncode == 0, done.stdout
  wrong = tmp_path / 'Containerfile'
  wrong.write_text(_RECIPE.read_text().replace('WORKDIR /', 'WORKDIR '))
  done = _lint(wrong)
  assert done.returncode == 1
  assert 'DL3000' in done.stdout


def test_both_kinds_of_builders_leave_the_same_out():
  ignored = (_ROOT / '.containerignore').read_text()
  assert ignored == (_ROOT / '.dockerignore').read_text()
  assert {'.git', '.venv', 'runs'} <= set(ignored.split())


def test_the_recipe_has_what_manifests_start():
  text = _RECIPE.read_text()
  assert 'WORKDIR /attn_agents\n' in text
  definition = (_RECIPE.parent / 'attn_agents.def').read_text()
  assert 'cd /attn_agents\n' in definition
  assert 'exec .venv/bin/python "$@"\n' in definition


def _run(*command: str, cwd: pathlib.Path, seconds: float = 1200) -> str:
  done = subprocess.run(
    command,
    cwd=cwd,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    timeout=seconds,
    check=False,
  )
  assert done.returncode == 0, done.stdout[-3000:]
  return done.stdout


def _buildah(place: pathlib.Path) -> tuple[str, ...]:
  """The command, with images that lie in `place`."""
  return (
    *('buildah', '--storage-driver=vfs'),
    *(f'--root={place}/images', f'--runroot={place}/running'),
  )


def _base(place: pathlib.Path) -> None:
  """An image with python3.10, from Debian and this Python."""
  _run(
    *('mmdebstrap', '--variant=minbase', f'--include={_PACKAGES}'),
    *('bookworm', 'base.tar'),
    cwd=place,
  )
  python = pathlib.Path(sys.base_prefix)
  _run('tar', 'cf', 'python.tar', '-C', '/', str(python).lstrip('/'), cwd=place)
  (place / 'Base').write_text(
    'FROM scratch\nADD base.tar /\nADD python.tar /\n'
    f'ENV PATH={python}/bin:/usr/bin:/bin:/usr/sbin:/sbin\n'
  )
  _run(
    *(*_buildah(place), 'bud', '--isolation=chroot', '-f', 'Base'),
    *('-t', 'localhost/python:3.10', '.'),
    cwd=place,
  )


@pytest.mark.slow
@pytest.mark.timeout(4000)
@pytest.mark.skipif(
  os.geteuid() != 0
  or not all(map(shutil.which, ('buildah', 'mmdebstrap', 'unshare'))),
  reason='wants root, buildah and mmdebstrap',
)
def test_the_image_is_built_without_a_daemon_and_trains(tmp_path):
  _run('make', 'bundle', f'ARGS=--out={tmp_path}', cwd=_ROOT)
  (tar,) = tmp_path.glob('*.tar')
  shutil.unpack_archive(tar, tmp_path)
  _base(tmp_path)
  context = tmp_path / 'attn_agents'
  image = 'localhost/attn_agents:test'
  buildah = _buildah(tmp_path)
  _run(
    *(*buildah, 'bud', '--isolation=chroot', '--squash', '-t', image),
    *('-f', 'containers/Containerfile'),
    *('--build-arg=BASE=localhost/python:3.10', '.'),
    cwd=context,
  )
  container = _run(*buildah, 'from', image, cwd=context).split()[-1]
  python = '/attn_agents/.venv/bin/python'
  inside = (*buildah, 'run', '--isolation=chroot', container, '--', python)
  flags = ('--game=catch', '--preset=small', '--max_frames=4000')
  try:
    refused = subprocess.run(
      [*inside, 'launch/run_local.py', *flags],
      capture_output=True,
      text=True,
      timeout=300,
      check=False,
    )
    assert refused.returncode == 2
    assert 'cannot confine itself' in refused.stderr
    # As with --network=none of podman and docker.
    said = _run(
      *('unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'),
      *(*inside, 'launch/run_local.py', *flags),
      cwd=context,
    )
    assert 'done; checkpoint saved' in said
  finally:
    _run(*buildah, 'rm', container, cwd=tmp_path)
  archive = tmp_path / 'image.tar'
  _run(*buildah, 'push', image, f'oci-archive:{archive}', cwd=context)
  assert archive.stat().st_size > 100e6
