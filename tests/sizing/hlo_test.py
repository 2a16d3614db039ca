"""Programs in text form: what each kind of line reads, writes and sends."""

import pytest

from attn_agents.sizing import hlo, work

# x is in main memory and takes 1600 bytes, c on the chip; row takes 32.
_ENTRY = """HloModule m

{computations}
ENTRY %main (x: f32[50,8]) -> f32[8] {{
  %x = f32[50,8]{{1,0:T(8,128)}} parameter(0)
  %c = f32[50,8]{{1,0:T(8,128)S(1)}} parameter(1)
  %i = s32[]{{:T(128)}} parameter(2)
  %row = f32[1,8]{{1,0}} parameter(3)
  %eight = f32[8]{{0}} parameter(4)
{lines}
}}
"""

_INNER = """
%two_rows (p0: f32[50,8], p1: s32[]) -> f32[1,8] {
  %p0 = f32[50,8]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %a = f32[1,8]{1,0} dynamic-slice(%p0, %p1, %p1), dynamic_slice_sizes={1,8}
  %b = f32[1,8]{1,0} dynamic-slice(%p0, %p1, %p1), dynamic_slice_sizes={1,8}
  ROOT %sum = f32[1,8]{1,0} add(%a, %b)
}

%overlapping (p0: f32[50,8]) -> f32[] {
  %p0 = f32[50,8]{1,0} parameter(0)
  %a = f32[40,8]{1,0} slice(%p0), slice={[0:40], [0:8]}
  %b = f32[40,8]{1,0} slice(%p0), slice={[10:50], [0:8]}
  ROOT %product = f32[] custom-call(%a, %b)
}

%whole_and_row (p0: f32[50,8], p1: s32[]) -> f32[] {
  %p0 = f32[50,8]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %a = f32[1,8]{1,0} dynamic-slice(%p0, %p1, %p1), dynamic_slice_sizes={1,8}
  ROOT %product = f32[] custom-call(%a, %p0)
}

%put (p0: f32[50,8], p1: f32[1,8], p2: s32[]) -> (f32[400], f32[1,8]) {
  %p0 = f32[50,8]{1,0} parameter(0)
  %p1 = f32[1,8]{1,0} parameter(1)
  %p2 = s32[] parameter(2)
  %all = f32[50,8]{1,0} dynamic-update-slice(%p0, %p1, %p2, %p2)
  %flat = f32[400]{0} bitcast(%all)
  %more = f32[1,8]{1,0} add(%p1, %p1)
  ROOT %both = (f32[400]{0}, f32[1,8]{1,0}) tuple(%flat, %more)
}

%sorts (p0: f32[8]) -> (f32[8], f32[8]) {
  %p0 = f32[8]{0} parameter(0)
  ROOT %both = (f32[8]{0}, f32[8]{0}) sort(%p0, %p0), dimensions={0}
}
"""


def _parsed(*lines, computations=''):
  return hlo.parse(
    _ENTRY.format(
      computations=computations, lines='\n'.join(f'  {x}' for x in lines)
    )
  )


@pytest.mark.parametrize(
  ('line', 'moved'),
  [
    ('f32[50,8]{1,0} add(f32[50,8]{1,0} %x, f32[50,8]{1,0} %x)', 3 * 1600),
    ('f32[50,8]{1,0:S(1)} add(%x, %c)', 1600),
    ('f32[8]{0} custom-call(%none, %eight)', 64),
    ('(f32[50,8]{1,0}, f32[50,8]{1,0:S(1)}, u32[]) copy-start(%c)', 1600),
    ('(f32[50,8]{1,0}, f32[50,8]{1,0}, u32[]) copy-start(%x)', 3200),
    ('((f32[50,8]{1,0:S(1)}), f32[5,8]{1,0}, s32[]) slice-start(%c)', 160),
    ('((f32[50,8]{1,0}), f32[5,8]{1,0}, s32[]) slice-start(%x)', 320),
    ('f32[1,8]{1,0} dynamic-slice(%x, %i, %i)', 64),
    ('f32[1,8]{1,0} dynamic-slice(%c, %i, %i)', 32),
    ('f32[1,8]{1,0:S(1)} dynamic-slice(%x, %i, %i)', 32),
    # In place: the part is read, and written.
    ('f32[50,8]{1,0} dynamic-update-slice(%x, %row, %i, %i)', 64),
    ('f32[50,8]{1,0:S(1)} dynamic-update-slice(%c, %row, %i, %i)', 32),
    # Two rows, the index, and the row that is written.
    ('f32[1,8]{1,0} fusion(%x, %i), calls=%two_rows', 2 * 32 + 4 + 32),
    ('f32[1,8]{1,0} fusion(%c, %i), calls=%two_rows', 4 + 32),
    ('f32[1,8]{1,0:S(1)} fusion(%c, %i), calls=%two_rows', 4),
    # No more than there is.
    ('f32[] fusion(%x), calls=%overlapping', 1600 + 4),
    ('f32[] fusion(%x, %i), calls=%whole_and_row', 1600 + 4 + 4),
    (
      '(f32[400]{0}, f32[1,8]{1,0}) fusion(%x, %row, %i), calls=%put',
      32 + 4 + 32 + 32,
    ),
    (
      '(f32[400]{0}, f32[1,8]{1,0:S(1)}) fusion(%x, %row, %i), calls=%put',
      32 + 4 + 32,
    ),
    ('(f32[8]{0}, f32[8]{0}) fusion(%eight), calls=%sorts', 32 + 64),
  ],
)
def test_bytes_that_a_line_moves(line, moved):
  program = _parsed('%none = () tuple()', f'%y = {line}', computations=_INNER)
  counted = work.measure(program)
  assert (counted.moved_bytes, counted.flops) == (moved, 0)


@pytest.mark.parametrize(
  ('line', 'kind', 'num_bytes', 'devices'),
  [
    ('f32[] all-reduce(%i), replica_groups={{0,1}}', 'all-reduce', 4, 2),
    (
      '(f32[8]{0}, f32[4]{0}) all-reduce(%eight, %eight), '
      'replica_groups=[2,4]<=[8]',
      'all-reduce', 48, 4,
    ),
    (
      '(f32[8]{0}, f32[32]{0}) all-gather-start(%eight), '
      'replica_groups={{0,1,2,3}}',
      'all-gather', 128, 4,
    ),
    (
      '(f32[8]{0}, f32[8]{0}, f32[2]{0}) collective-permute-start(%eight), '
      'source_target_pairs={{0,1}}',
      'collective-permute', 32, 0,
    ),
    ('(f32[], u32[], token[]) send(%i, %i), channel_id=1', 'send', 4, 0),
  ],
)  # fmt: skip
def test_what_a_line_sends(line, kind, num_bytes, devices):
  counted = work.measure(_parsed(f'%y = {line}'))
  assert counted.collectives == (work.Collective(kind, num_bytes, devices, 1),)


_PRODUCT = """
%product (a: f32[3,5], b: f32[5,7]) -> f32[3,7] {
  %a = f32[3,5]{1,0} parameter(0)
  %b = f32[5,7]{1,0} parameter(1)
  ROOT %d = f32[3,7]{1,0} dot(%a, %b), lhs_contracting_dims={1}
}

%outer (a: f32[3,5], b: f32[5,7]) -> f32[3,7] {
  %a = f32[3,5]{1,0} parameter(0)
  %b = f32[5,7]{1,0} parameter(1)
  ROOT %d = f32[3,7]{1,0} fusion(%a, %b), calls=%product
}
"""


@pytest.mark.parametrize(
  ('lines', 'times'),
  [
    (['fusion(%a, %b), calls=%outer'], 1),
    (['call(%a, %b), to_apply=%outer'] * 2, 2),
    (['conditional(%i), branch_computations={%product, %outer}'], 2),
    (['async-start(%a, %b), calls=%product'], 1),
  ],
)
def test_products_in_other_computations_count(lines, times):
  program = _parsed(
    *(f'%y{n} = f32[3,7]{{1,0}} {line}' for n, line in enumerate(lines)),
    computations=_PRODUCT,
  )
  assert work.measure(program).flops == times * 2 * 3 * 5 * 7


_LOOP = """
%body (s: s32[]) -> s32[] {{
  ROOT %s = s32[] parameter(0)
}}

%less (a: s32[], b: s32[]) -> pred[] {{
  %a = s32[] parameter(0)
  %b = s32[] parameter(1)
  ROOT %d = pred[] compare(%a, %b), direction={direction}
}}

%condition (s: s32[]) -> pred[] {{
  %s = s32[] parameter(0)
  %limit = s32[] constant(50)
  %several = s32[2]{{0}} constant({{1, 2}})
  %real = f32[] constant(7)
  {more}
  ROOT %d = pred[] fusion(%s, %limit), calls=%less
}}
"""


@pytest.mark.parametrize(
  ('direction', 'more', 'expected'),
  [
    ('LT', '', (50, 0)),
    ('GT', '', (1, 1)),
    ('LT', '%other = s32[] constant(51)', (1, 1)),
  ],
)
def test_a_loop_runs_as_often_as_its_one_limit_says(direction, more, expected):
  program = _parsed(
    '%y = s32[] while(%i), condition=%condition, body=%body',
    computations=_LOOP.format(direction=direction, more=more),
  )
  times, unknown = program.runs()
  assert (times['body'], unknown) == expected
  # Those that a loop's condition takes are looked into, and do not run.
  assert set(times) == {'main', 'body'}
