"""What computes and plays knows nothing of what carries its data.

Here and not in `transport/reverb`, so that it runs without Reverb too.
"""

import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[1]

_CODE = """
import importlib, pkgutil, sys
above = {
  'tensorflow', 'launchpad', 'courier', 'reverb',
  'attn_agents.transport.reverb',
  'attn_agents.transport.threads', 'attn_agents.experiment',
  'attn_agents.distributed', 'attn_agents.diagnostics', 'launch', 'benchmarks',
}
lower = ('environments', 'networks', 'losses', 'acting', 'learning')
upper = (
  'evaluation', 'exporting', 'interpretability', 'population', 'watching'
)
for name in (*lower, *upper):
  if name not in lower:  # They make agents from configs.
    above -= {'attn_agents.experiment'}
  package = importlib.import_module(f'attn_agents.{name}')
  for module in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):
    importlib.import_module(module.name)
    print(module.name, *sorted(above & set(sys.modules)))
"""


_CONFIGS = """
import importlib, pkgutil, sys
before = set(sys.modules)
import configs
for module in pkgutil.walk_packages(configs.__path__, 'configs.'):
  importlib.import_module(module.name)
loaded = {name.split('.')[0] for name in set(sys.modules) - before}
print(*sorted(loaded - sys.stdlib_module_names))
ours = {name for name in sys.modules if name.startswith('attn_agents.')}
print(*sorted({'.'.join(name.split('.')[:2]) for name in ours}))
"""


def test_configs_load_the_standard_library_and_what_needs_no_more():
  """So that a wrong flag is refused at once."""
  done = subprocess.run(
    [sys.executable, '-c', _CONFIGS],
    cwd=_ROOT, capture_output=True, text=True, timeout=120, check=True,
  )  # fmt: skip
  assert done.stdout.splitlines() == [
    'attn_agents configs',
    'attn_agents.algorithms attn_agents.environments attn_agents.utils',
  ]


def test_arrows_go_down_only():
  done = subprocess.run(
    [sys.executable, '-c', _CODE],
    cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert {line.split('.')[1] for line in lines} == {
    'environments', 'networks', 'losses', 'acting', 'learning', 'evaluation',
    'exporting', 'interpretability', 'population', 'watching',
  }  # fmt: skip
  assert [line for line in lines if ' ' in line] == []
