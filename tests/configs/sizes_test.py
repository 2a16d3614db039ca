"""Sizes of convolutions that fit each other and the frame, and one too many."""

import dataclasses

import pytest

from configs import agents, errors, ranges, sizes


@pytest.mark.parametrize(
  'entries', [((), (), ()), ((1, 2), (1,), (1,)), ((1,), (1,), (1, 2))]
)
def test_each_convolution_has_one_entry_of_each(entries):
  sizes.require_convolutions((1,), (1,), (1,))
  with pytest.raises(errors.ConfigError, match='as many entries'):
    sizes.require_convolutions(*entries)


def test_a_kernel_may_be_as_large_as_the_frame():
  sizes.require_kernels_fit((8,), (4,), 8, 9)
  for height, width in ((7, 9), (9, 7)):
    with pytest.raises(
      errors.ConfigError,
      match=f'at most 7 in layer 0, which sees {height} x {width}$',
    ):
      sizes.require_kernels_fit((8,), (4,), height, width)


def test_what_later_layers_see_is_counted():
  # 34 + 2, then (36 - 8) / 4 + 1 = 8 and (8 - 4) / 2 + 1 = 3.
  layers = ((8, 4, 3), (4, 2, 1))
  sizes.require_kernels_fit(*layers, 34, 84, padding=1)
  sizes.require_kernels_fit(*layers, 84, 34, padding=1)
  for height, width, seen in ((33, 84, '2 x 9'), (84, 33, '9 x 2')):
    with pytest.raises(
      errors.ConfigError, match=f'at most 2 in layer 2, which sees {seen}$'
    ):
      sizes.require_kernels_fit(*layers, height, width, padding=1)


@pytest.mark.parametrize(
  'agent', ['s3ta', 'darqn_soft', 'impala_ff', 'impala_shallow']
)
@pytest.mark.parametrize(
  ('field', 'near'), [('dtype', 'bfloat16'), ('convolution', 'canonical')]
)
def test_every_network_refuses_a_dtype_or_form_that_there_is_not(
  agent, field, near
):
  network = agents.make(agent, 'small').network
  dataclasses.replace(network, **{field: near}).validate()
  network = dataclasses.replace(network, **{field: f'{near}s'})
  with pytest.raises(errors.ConfigError) as caught:
    network.validate()
  assert str(caught.value) == (
    f"unknown value of network.{field} '{near}s'; did you mean '{near}'?"
  )


@pytest.mark.parametrize(
  ('agent', 'fields', 'words'),
  [
    (
      's3ta',
      {'key_channels': 16},
      'key_channels=16: expected between 1 and vision_channels - 1 = 15, ',
    ),
    ('s3ta', {'queries': 'l2_norm'}, 'network.num_queries=8: expected 1: '),
    ('impala_ff', {'channels': ()}, 'at least one section'),
  ],
)
def test_a_size_beyond_the_last_that_fits_is_refused(agent, fields, words):
  network = agents.make(agent, 'small').network
  with pytest.raises(errors.ConfigError, match=words):
    dataclasses.replace(network, **fields).validate()


@pytest.mark.parametrize(
  ('agent', 'fields'),
  [
    ('s3ta', {'key_channels': 15}),
    ('s3ta', {'key_channels': 1}),
    ('s3ta', {'queries': 'l2_norm', 'num_queries': 1}),
    ('impala_ff', {'channels': (4,)}),
    ('darqn_soft', {'lstm_size': 1}),
  ],
)
def test_the_last_size_that_fits_is_accepted(agent, fields):
  network = agents.make(agent, 'small').network
  network = dataclasses.replace(network, **fields)
  ranges.check_section(network)
  network.validate()


@pytest.mark.parametrize('agent', ['impala_ff', 'darqn_soft'])
def test_a_network_with_the_smallest_lstm_is_recurrent(agent):
  network = agents.make(agent, 'small').network
  for size in (0, 1):
    made = dataclasses.replace(network, lstm_size=size)
    assert made.recurrent == (size == 1)
