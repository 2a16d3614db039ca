"""Slices of TPUs by name, and what libtpu is told of them."""

import pytest

from attn_agents.sizing import topologies
from configs import errors


@pytest.mark.parametrize(
  ('name', 'hosts', 'devices', 'bounds'),
  [
    ('v3:4x4', 4, 32, (2, 2, 1)),
    ('v4:2x2x4', 4, 16, (2, 2, 1)),
    ('v5e:1x1', 1, 1, (1, 1, 1)),
    ('v5e:2x4', 1, 8, (2, 4, 1)),
    ('v5e:4x4', 4, 16, (2, 2, 1)),
    ('v5p:2x2x2', 2, 8, (2, 2, 1)),
    ('v6e:16x16', 64, 256, (2, 2, 1)),
  ],
)
def test_hosts_and_devices(name, hosts, devices, bounds):
  found = topologies.parse('--topology', name)
  assert (found.hosts, found.devices) == (hosts, devices)
  assert found.host_bounds == bounds
  several = topologies.parse('--topology', name, 2)
  assert (several.hosts, several.devices) == (2 * hosts, 2 * devices)
  assert several.devices_per_host == found.devices_per_host


def test_every_slice_fills_its_hosts():
  for name in topologies.names():
    found = topologies.parse('--topology', name)
    assert found.devices_per_host * found.hosts == found.devices, name


@pytest.mark.parametrize(
  ('name', 'nearest'),
  [
    ('v5e:4x5', 'v5e:4x4'),
    ('V5E:4x4', 'v5e:4x4'),
    ('v5litepod-16', 'v5e:4x4'),
    ('v4-32', 'v4:2x2x4'),
    ('v4:2x2', 'v4:2x2x1'),
    ('v5e:99999x9', 'v5e:16x16'),
    ('v5e:0x4', 'v5e:1x1'),
    # More chips than a float can say.
    pytest.param(f'v5e:{"9" * 400}x4', 'v5e:.*', id='many'),
  ],
)
def test_the_nearest_is_named(name, nearest):
  with pytest.raises(errors.ConfigError, match=f'the nearest is {nearest}$'):
    topologies.parse('--topology', name)


@pytest.mark.parametrize('name', ['', 'v9', ':', 'v5e:', 'v5e:axb', 'é:²x²'])
def test_nonsense_is_refused_in_one_line(name):
  with pytest.raises(errors.ConfigError, match='the nearest is v'):
    topologies.parse('--topology', name)


def test_what_libtpu_is_told():
  def options(*args):
    return topologies.parse('--topology', *args).options()

  assert options('v5e:4x4') == {'chips_per_host_bounds': (2, 2, 1)}
  assert options('v5e:2x4', 64) == {
    'chips_per_host_bounds': (2, 4, 1),
    'num_slices': 64,
  }
  for name in ('v4:2x2x1', 'v5p:2x2x1'):
    assert options(name)['chip_config_name'] == 'megacore'


def test_numbers_of_slices():
  for count in (0, -1, 65):
    with pytest.raises(errors.ConfigError, match='--num_slices'):
      topologies.parse('--topology', 'v5e:4x4', count)
