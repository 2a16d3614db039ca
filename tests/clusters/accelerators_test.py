"""Types of TPU slices, and the sizes that each of them has."""

import pytest

from attn_agents.clusters import accelerators
from configs import errors


@pytest.mark.parametrize(
  'value, chips, hosts, topology',
  [
    # As Google's documents have them.
    ('v2-8', 4, 1, '2x2'),
    ('v2-32', 16, 4, '4x4'),
    ('v3-8', 4, 1, '2x2'),
    ('v3-32', 16, 4, '4x4'),
    ('v4-8', 4, 1, '2x2x1'),
    ('v4-16', 8, 2, '2x2x2'),
    ('v4-32', 16, 4, '2x2x4'),
    ('v4-128', 64, 16, '4x4x4'),
    ('v5litepod-1', 1, 1, '1x1'),
    ('v5litepod-8', 8, 1, '2x4'),
    ('v5litepod-16', 16, 4, '4x4'),
    ('v5litepod-128', 128, 32, '8x16'),
    ('v5p-8', 4, 1, '2x2x1'),
    ('v5p-16', 8, 2, '2x2x2'),
    ('v5p-6144', 3072, 768, '12x16x16'),
    ('v6e-8', 8, 1, '2x4'),
    ('v6e-16', 16, 4, '4x4'),
    ('v6e-256', 256, 64, '16x16'),
  ],
)
def test_sizes_of_slices(value, chips, hosts, topology):
  found = accelerators.parse('--tpu', value)
  assert (found.type, found.chips, found.hosts) == (value, chips, hosts)
  assert found.topology == topology
  assert found.chips_per_host * hosts == chips


@pytest.mark.parametrize(
  'value, near',
  [
    ('v5e-16', 'the nearest is v5litepod-16'),
    ('v5litepod-12', 'the nearest is v5litepod-16'),
    ('V4-8', 'the nearest is v4-8'),
    ('v4-9', 'the nearest is v4-8'),
    ('v4-1', 'the nearest is v4-8'),
    ('v5litepod-11', 'the nearest is v5litepod-8'),
    ('v6e-1000', 'the nearest is v6e-256'),
    ('v5litepod', "did you mean 'v5litepod-"),
    ('v5lite-pod-16', "did you mean 'v5litepod-16'"),
    ('h100', "unknown type of TPU slice (--tpu) 'h100'"),
    ('', 'unknown type'),
  ],
)
def test_what_is_no_type_is_refused_with_the_nearest(value, near):
  with pytest.raises(errors.ConfigError) as caught:
    accelerators.parse('--tpu', value)
  assert near in str(caught.value)
  assert '\n' not in str(caught.value)


_SMALL = '1 4 8 16 32 64 128 256'
_LARGE = '8 16 32 64 128 256 512 1024 2048 4096'


@pytest.mark.parametrize(
  'name, sizes',
  [
    # As Google's documents list them: by cores up to v5p, but v5litepod.
    ('v2', '8 32 128 256 512'),
    ('v3', '8 32 64 128 256 512 1024 2048'),
    ('v4', _LARGE),
    ('v5litepod', _SMALL),
    ('v5p', f'{_LARGE} 6144 8192 12288'),
    ('v6e', _SMALL),
  ],
)
def test_all_sizes_are_there(name, sizes):
  with pytest.raises(errors.ConfigError) as caught:
    accelerators.parse('--tpu', f'{name}-3')
  assert str(caught.value).endswith(f'({name} has {", ".join(sizes.split())})')
