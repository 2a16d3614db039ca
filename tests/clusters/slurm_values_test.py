"""What Slurm takes for times, memory and elements of an array."""

import pytest

from attn_agents.clusters import slurm_values
from configs import errors


@pytest.mark.parametrize(
  ('text', 'seconds'),
  [
    ('90', 5400), ('1:30', 90), ('12:00:00', 43_200), ('2-0', 172_800),
    ('1:02:03', 3723), ('0:01', 1),
    ('1-02:03', 93_780), ('1-02:03:04', 93_784),
  ],
)  # fmt: skip
def test_times_are_read_as_slurm_does(text, seconds):
  assert slurm_values.seconds('--time', text) == seconds


@pytest.mark.parametrize(
  ('text', 'near'),
  [
    ('24h', '1-00:00:00'), ('90 min', '01:30:00'), ('2d', '2-00:00:00'),
    ('1.5 hours', '01:30:00'), ('26H', '1-02:00:00'), ('7m', '00:07:00'),
    # To the minute, and at least one.
    ('100s', '00:02:00'), ('80s', '00:01:00'), ('10s', '00:01:00'),
    ('0s', '00:01:00'),
  ],
)  # fmt: skip
def test_times_in_words_are_refused_with_the_nearest(text, near):
  with pytest.raises(errors.ConfigError, match=f'the nearest is {near}$'):
    slurm_values.seconds('--time', text)


@pytest.mark.parametrize('text', ['', '0', '0:00', '1:2:3:4', 'soon', '1-'])
def test_what_is_no_time_is_refused(text):
  with pytest.raises(errors.ConfigError) as caught:
    slurm_values.seconds('--time', text)
  assert str(caught.value) == (
    f'--time={text}: expected a time of Slurm, as 90 (minutes), 12:00:00 or '
    '2-00:00:00'
  )


def test_elements_are_read_as_slurm_does():
  read = slurm_values.elements
  assert read('--array', '', 3) == ([0, 1, 2], 0)
  assert read('--array', '%2', 3) == ([0, 1, 2], 2)
  assert read('--array', '0-8:4,5%3', 9) == ([0, 4, 5, 8], 3)
  assert read('--array', '0-1%1', 3) == ([0, 1], 1)
  for text, said in (
    ('3', 'there is no element 3; expected 0 to 2'),
    ('2-1', 'expected elements'),
    ('a', 'expected elements'),
    ('0%', 'expected elements'),
    ('0,a', 'expected elements'),
    ('0%x', 'expected elements'),
    ('1-3', 'there is no element 3; expected 0 to 2'),
    ('0%0', 'at least 1 run at a time; the nearest is 0%1'),
  ):
    with pytest.raises(errors.ConfigError, match=said):
      read('--array', text, 3)


def test_amounts_of_memory_are_written_as_slurm_does():
  slurm_values.check_memory('--mem', '64G')
  slurm_values.check_memory('--mem', '900')
  with pytest.raises(errors.ConfigError, match=r'the nearest is 64G$'):
    slurm_values.check_memory('--mem', '64 GiB')
  with pytest.raises(errors.ConfigError, match=r'of Slurm, as 64G$'):
    slurm_values.check_memory('--mem', 'much')


@pytest.mark.parametrize('value', ['4', 'a100:4', 'nvidia_h100.80:999'])
def test_numbers_of_gpus(value):
  slurm_values.check_gpus('--gpus', value)


@pytest.mark.parametrize(
  ('value', 'near'),
  [
    ('a' * 101, 'a' * 100),
    ('two words', 'two-words'),
    ('a,-b', 'a,b'),
    ('fast,', 'fast'),
    # Python's letters are more than Slurm's.
    ('schnell_und_schön', 'schnell_und_sch-n'),
    (f'{"a" * 99},b', 'a' * 99),
    ('--', ''),
  ],
)
def test_names_that_slurm_does_not_take(value, near):
  slurm_values.check_name('--partition', f'{"a" * 98},b')
  with pytest.raises(errors.ConfigError) as caught:
    slurm_values.check_name('--partition', value)
  assert str(caught.value) == (
    f'--partition={value}: expected letters, digits, dashes and dots'
    + (f'; the nearest is {near}' if near else '')
  )
  if near:
    slurm_values.check_name('--partition', near)


@pytest.mark.parametrize(
  ('indices', 'text'),
  [([], ''), ([4], '4'), ([0, 1, 2, 3, 7], '0-3,7'), ([1, 3, 4], '1,3-4')],
)
def test_elements_are_written_as_slurm_does(indices, text):
  assert slurm_values.ranges(indices) == text
  if text:
    assert slurm_values.elements('--array', text, 8)[0] == indices
