"""`make bundle`: all that a node without internet needs, as one tar file.

It holds what is committed of this checkout, and in `bundle/VARIANT/` a wheel of
each package of the lock and a lock of those wheels. Where it is unpacked,
`make setup` and `make train` find `bundle/` and ask no package registry.
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_FOLDER = 'attn_agents'


def main() -> int:
  """Makes the file; prints its name, size and SHA-256."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('variant', help='of `make setup`')
  parser.add_argument('locks', nargs='+', type=pathlib.Path)
  parser.add_argument('--out', type=pathlib.Path, default=_ROOT / 'dist')
  args = parser.parse_args()
  commit = _git('rev-parse', '--short', 'HEAD').decode().strip()
  if _git('status', '--porcelain'):
    print(f'what is not committed is left out: the bundle has {commit}')
  args.out.mkdir(parents=True, exist_ok=True)
  name = f'attn_agents-{args.variant}-{commit}.tar'
  with tempfile.TemporaryDirectory(dir=args.out) as place:
    made = pathlib.Path(place) / name
    wheels = pathlib.Path(place) / 'wheels'
    make_wheels(args.locks, wheels)
    (wheels / 'requirements.txt').write_text(lock_of(wheels))
    made.write_bytes(
      _git('archive', '--format=tar', f'--prefix={_FOLDER}/', 'HEAD')
    )
    with tarfile.open(made, 'a') as tar:
      tar.add(wheels, f'{_FOLDER}/bundle/{args.variant}')
    made.replace(args.out / name)
  size = (args.out / name).stat().st_size
  print(f'{args.out / name}: {size / 1e6:.0f} MB')
  print(f'sha256 {digest(args.out / name)}')
  print(
    f'on the node: tar xf {name} && cd {_FOLDER} && make setup && make doctor'
  )
  return 0


def make_wheels(locks: list[pathlib.Path], directory: pathlib.Path) -> None:
  """Fetches what the locks name, and builds wheels of what has none.

  Raises:
    CalledProcessError: something has another hash than its lock says, or is
      not to be had; pip has said what.
  """
  lists = [f'--requirement={lock}' for lock in locks]
  subprocess.run(
    [
      *(sys.executable, '-m', 'pip', 'wheel', '--quiet'),
      *('--disable-pip-version-check', '--require-hashes', '--no-deps'),
      *(f'--wheel-dir={directory}', *lists),
    ],
    check=True,
  )


def lock_of(directory: pathlib.Path) -> str:
  """A lock of the wheels in a directory, one line for each."""
  lines = []
  for wheel in sorted(directory.glob('*.whl')):
    name, version, *_ = wheel.name.split('-')
    lines.append(f'{name}=={version} --hash=sha256:{digest(wheel)}\n')
  return ''.join(lines)


def digest(path: pathlib.Path) -> str:
  """SHA-256 of a file, in hexadecimal digits."""
  found = hashlib.sha256()
  with open(path, 'rb') as file:
    while piece := file.read(1 << 20):
      found.update(piece)
  return found.hexdigest()


def _git(*arguments: str) -> bytes:
  return subprocess.run(
    ['git', *arguments], cwd=_ROOT, check=True, capture_output=True
  ).stdout


if __name__ == '__main__':
  sys.exit(main())
