"""Answers `runner.ask` as a broken native library would, by name."""

import json
import os
import subprocess
import sys
import time

_KIND = {
  'passes': [True, 'fine'],
  'fails': [False, 'ValueError: no'],
}


def main() -> None:
  print('noise without a newline', end='', flush=True)
  with os.fdopen(int(sys.argv[1]), 'w') as answers:
    for name in sys.argv[3:]:
      if name == 'crashes':
        print('\nlast words', flush=True)
        os.abort()
      if name == 'exits':
        sys.exit(3)
      if name.startswith('hangs'):
        _, path = name.split('=')
        child = subprocess.Popen(['sleep', '600'], start_new_session=True)
        with open(path, 'w') as f:
          f.write(str(child.pid))
        time.sleep(600)
      print(json.dumps(_KIND[name]), file=answers, flush=True)


if __name__ == '__main__':
  main()
