/* What of many values is seen in a timeline of a few hundred pixels. */

// Points of one path. Browsers take long over a path that crosses a row of
// pixels thousands of times.
const PATH_POINTS = 256;

/** The least and the largest of values, however many; nulls do not count. */
function limits(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value !== null) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

/**
 * Pairs of row and value without those that others hide: of each column of
 * pixels the first, the least, the largest, the last, and a null.
 */
function visible(values, columnOf) {
  const points = [];
  let kept = null;
  const flush = () => {
    const rows = new Set(Object.values(kept));
    for (const row of [...rows].sort((a, b) => a - b)) {
      points.push([row, values[row]]);
    }
  };
  let column = null;
  values.forEach((value, row) => {
    const place = columnOf(row);
    if (place !== column) {
      if (kept) flush();
      kept = { first: row };
      column = place;
    }
    kept.last = row;
    if (value === null) kept.gap = row;
    else {
      if (!(values[kept.least] <= value)) kept.least = row;
      if (!(values[kept.most] >= value)) kept.most = row;
    }
  });
  if (kept) flush();
  return points;
}

/** Draws lines through points [x, y]; a null is a gap. */
function drawPath(context, points) {
  let before = null;
  let count = 0;
  context.beginPath();
  for (const point of points) {
    if (point && before) {
      if (count % PATH_POINTS === 0) {
        context.stroke();
        context.beginPath();
        context.moveTo(...before);
      }
      context.lineTo(...point);
      count += 1;
    } else if (point) context.moveTo(...point);
    before = point;
  }
  context.stroke();
}
