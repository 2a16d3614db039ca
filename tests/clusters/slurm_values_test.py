"""What Slurm takes for times, memory and elements of an array."""

import pytest

from attn_agents.clusters import slurm_values
from configs import errors


@pytest.mark.parametrize(
  ('text', 'seconds'),
  [
    ('90', 5400), ('1:30', 90), ('12:00:00', 43_200), ('2-0', 172_800),
    ('1-02:03', 93_780), ('1-02:03:04', 93_784),
  ],
)  # fmt: skip
def test_times_are_read_as_slurm_does(text, seconds):
  assert slurm_values.seconds('--time', text) == seconds


@pytest.mark.parametrize(
  ('text', 'near'),
  [('24h', '1-00:00:00'), ('90 min', '01:30:00'), ('2d', '2-00:00:00')],
)
def test_times_in_words_are_refused_with_the_nearest(text, near):
  with pytest.raises(errors.ConfigError, match=f'the nearest is {near}$'):
    slurm_values.seconds('--time', text)


def test_elements_are_read_as_slurm_does():
  read = slurm_values.elements
  assert read('--array', '', 3) == ([0, 1, 2], 0)
  assert read('--array', '%2', 3) == ([0, 1, 2], 2)
  assert read('--array', '0-8:4,5%3', 9) == ([0, 4, 5, 8], 3)
  for text, said in (
    ('3', 'there is no element 3; expected 0 to 2'),
    ('2-1', 'expected elements'),
    ('a', 'expected elements'),
    ('0%', 'expected elements'),
    ('0%0', 'at least 1 run at a time; the nearest is 0%1'),
  ):
    with pytest.raises(errors.ConfigError, match=said):
      read('--array', text, 3)


def test_amounts_of_memory_are_written_as_slurm_does():
  slurm_values.check_memory('--mem', '64G')
  slurm_values.check_memory('--mem', '900')
  with pytest.raises(errors.ConfigError, match=r'the nearest is 64G$'):
    slurm_values.check_memory('--mem', '64 GiB')
