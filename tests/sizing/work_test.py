"""Against XLA's own counts where it counts right, and by hand where not."""

import jax
import jax.numpy as jnp
import pytest

from attn_agents.sizing import hlo, work


def _measure(function, *shapes):
  args = [jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes]
  lowered = jax.jit(function).lower(*args)
  counted = work.measure(hlo.parse(lowered.as_text('hlo')))
  return counted, lowered.cost_analysis()['flops']


def _conv(labels, **options):
  return lambda x, k: jax.lax.conv_general_dilated(
    x, k, dimension_numbers=labels, **options
  )


_NHWC = ('NHWC', 'HWIO', 'NHWC')


@pytest.mark.parametrize(
  ('function', 'shapes'),
  [
    (jnp.dot, ((3, 5), (5, 7))),
    (lambda a, b: jnp.einsum('bij,bkj->bik', a, b), ((4, 3, 5), (4, 7, 5))),
    (
      _conv(_NHWC, window_strides=(4, 2), padding='SAME'),
      ((2, 21, 16, 3), (8, 4, 3, 6)),
    ),
    (
      _conv(
        _NHWC, window_strides=(1, 1), padding=((2, 1), (0, 3)),
        lhs_dilation=(2, 3), rhs_dilation=(1, 2),
      ),
      ((2, 9, 8, 4), (3, 3, 4, 5)),
    ),
    (
      _conv(
        _NHWC, window_strides=(1, 1), padding='VALID', feature_group_count=2
      ),
      ((2, 9, 8, 4), (3, 3, 2, 6)),
    ),
    (
      _conv(_NHWC, window_strides=(1, 1), padding='VALID', batch_group_count=2),
      ((4, 9, 8, 3), (3, 3, 3, 6)),
    ),
    (
      _conv(
        ('HWNC', 'OIHW', 'NCHW'), window_strides=(2, 2),
        padding=((-1, 2), (1, 0)),
      ),
      ((9, 8, 2, 4), (6, 4, 3, 3)),
    ),
  ],
)  # fmt: skip
def test_products_are_counted_as_xla_counts_them(function, shapes):
  counted, expected = _measure(function, *shapes)
  assert counted.flops == expected > 0
  assert counted.unknown_loops == 0


def test_loops_count_as_often_as_they_run():
  """XLA counts their bodies once."""

  def nested(x, w):
    def inner(y, _):
      return y @ w, ()

    def outer(y, _):
      return jax.lax.scan(inner, y, None, length=5)[0], ()

    return jax.lax.scan(outer, x @ w, None, length=3)[0]

  counted, once = _measure(nested, (4, 8), (8, 8))
  assert counted.flops == (1 + 3 * 5) * 2 * 4 * 8 * 8
  assert once < 4 * 2 * 4 * 8 * 8


def test_a_loop_without_a_constant_end_counts_once_and_is_told():
  def loop(x):
    return jax.lax.while_loop(lambda y: y.sum() < 9.0, lambda y: y @ y, x)

  counted, _ = _measure(loop, (4, 4))
  assert (counted.flops, counted.unknown_loops) == (2 * 4**3, 1)


# As libtpu writes them: S(1) is memory of the chip.
_TPU = """HloModule m, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%part (p0: f32[50,8], p1: s32[]) -> f32[8] {
  %p0 = f32[50,8]{1,0:T(8,128)} parameter(0)
  %p1 = s32[]{:T(128)} parameter(1)
  %zero = s32[]{:T(128)} constant(0)
  %row = f32[1,8]{1,0:T(8,128)} dynamic-slice(%p0, %p1, %zero)
  ROOT %flat = f32[8]{0:T(128)S(1)} bitcast(%row)
}

%put (p0: f32[50,8], p1: f32[1,8], p2: s32[]) -> f32[50,8] {
  %p0 = f32[50,8]{1,0:T(8,128)} parameter(0)
  %p1 = f32[1,8]{1,0:T(8,128)} parameter(1)
  %p2 = s32[]{:T(128)} parameter(2)
  ROOT %all = f32[50,8]{1,0:T(8,128)} dynamic-update-slice(%p0, %p1, %p2, %p2)
}

%body (t: (s32[], f32[50,8], f32[8])) -> (s32[], f32[50,8], f32[8]) {
  %t = (s32[]{:T(128)}, f32[50,8]{1,0:T(8,128)}, f32[8]{0:T(128)S(1)}) parameter(0)
  %i = s32[]{:T(128)S(6)} get-tuple-element(%t), index=0
  %all = f32[50,8]{1,0:T(8,128)} get-tuple-element(%t), index=1
  %f = f32[8]{0:T(128)S(1)} fusion(%all, %i), kind=kLoop, calls=%part
  %g = f32[1,8]{1,0:T(8,128)S(1)} bitcast(%f)
  %h = f32[50,8]{1,0:T(8,128)} fusion(%all, %g, %i), kind=kLoop, calls=%put
  ROOT %out = (s32[]{:T(128)}, f32[50,8]{1,0:T(8,128)}, f32[8]{0:T(128)S(1)}) tuple(%i, %h, %f)
}

%condition (t: (s32[], f32[50,8], f32[8])) -> pred[] {
  %limit = s32[]{:T(128)} constant(50)
  %t = (s32[]{:T(128)}, f32[50,8]{1,0:T(8,128)}, /*index=2*/f32[8]{0:T(128)S(1)}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%t), index=0
  ROOT %less = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

ENTRY %main (x: f32[50,8]) -> f32[8] {
  %x = f32[50,8]{1,0:T(8,128)} parameter(0)
  %start = (f32[50,8]{1,0:T(8,128)S(1)}, f32[50,8]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)
  %done = f32[50,8]{1,0:T(8,128)S(1)} copy-done(%start)
  %some = ((f32[50,8]{1,0:T(8,128)}), f32[5,8]{1,0:T(8,128)S(1)}, s32[]{:S(2)}) slice-start(%x), slice={[0:5], [0:8]}
  %five = f32[5,8]{1,0:T(8,128)S(1)} slice-done(%some)
  %room = f32[50,8]{1,0:T(8,128)} custom-call(), custom_call_target="AllocateBuffer"
  %init = (s32[]{:T(128)}, f32[50,8]{1,0:T(8,128)}, f32[8]{0:T(128)S(1)}) tuple(%x, %x, %x)
  %loop = (s32[]{:T(128)}, f32[50,8]{1,0:T(8,128)}, f32[8]{0:T(128)S(1)}) while(%init), condition=%condition, body=%body
  %last = f32[8]{0:T(128)S(1)} get-tuple-element(%loop), index=2
  %reduce = f32[8]{0:T(128)} all-reduce(%last), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %other = f32[8]{0:T(128)} all-reduce(%reduce), replica_groups=[1,8]<=[8], to_apply=%add
  ROOT %third = f32[8]{0:T(128)} all-reduce(%other), replica_groups=[1,8]<=[8], to_apply=%add
}
"""  # noqa: E501


def test_what_stays_on_the_chip_is_not_moved():
  counted = work.measure(hlo.parse(_TPU))
  copied = 50 * 8 * 4
  part = 5 * 8 * 4
  read = written = 50 * 8 * 4  # A row in each of 50 steps.
  reduced = 8 * 4 * (1 + 2 + 2)
  assert counted.moved_bytes == copied + part + read + written + reduced


def test_alike_collectives_are_one_line():
  counted = work.measure(hlo.parse(_TPU))
  assert counted.collectives == (
    work.Collective('all-reduce', 32, 4, 1),
    work.Collective('all-reduce', 32, 8, 2),
  )


def test_sizes_of_arrays():
  found = hlo.arrays(
    '(bf16[2,3]{1,0:T(8,128)(2,1)S(1)}, pred[5], s4[7], f32[], token[], '
    'f8e4m3fn[5]{0:S(0)}, s32[<=8])'
  )
  assert [a.num_bytes for a in found] == [12, 5, 4, 4, 0, 5, 32]
  assert [a.on_chip for a in found] == [True] + 6 * [False]


def test_other_text_is_no_program():
  with pytest.raises(ValueError, match='entry'):
    hlo.parse('module @m {\n}\n')
