// A curve of a value over the last seconds.

const SECONDS = 10;

export class Curve {
  // `range` [low, high] fixes the scale; null fits it to the values shown.
  constructor(canvas, range) {
    this.canvas = canvas;
    this.range = range;
    this.points = [];
  }

  add(seconds, value, begins) {
    this.points.push({seconds, value, begins});
    while (this.points[0].seconds < seconds - SECONDS) this.points.shift();
    this.draw(seconds);
  }

  // The values at the bottom and at the top, [low, high].
  get scale() {
    return this.range ?? fitting(this.points);
  }

  draw(now) {
    const {canvas, points} = this;
    const context = canvas.getContext('2d');
    const [low, high] = this.scale;
    const x = (point) =>
      canvas.width * (1 + (point.seconds - now) / SECONDS);
    const y = (point) =>
      canvas.height - 6 -
      (canvas.height - 12) * (point.value - low) / (high - low);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.globalAlpha = 0.35;
    context.lineWidth = 2;
    context.beginPath();
    for (const point of points.filter((p) => p.begins)) {
      context.moveTo(x(point), 0);
      context.lineTo(x(point), canvas.height);
    }
    context.stroke();
    context.globalAlpha = 1;
    context.lineWidth = 3;
    context.lineJoin = 'round';
    context.beginPath();
    let pen = false;
    for (const point of points) {
      if (point.value === null) {
        pen = false;
      } else if (pen) {
        context.lineTo(x(point), y(point));
      } else {
        context.moveTo(x(point), y(point));
        pen = true;
      }
    }
    context.stroke();
  }
}

function fitting(points) {
  const values = points.map((p) => p.value).filter((v) => v !== null);
  if (values.length === 0) return [-1, 1];
  const low = Math.min(...values);
  const high = Math.max(...values);
  return high > low ? [low, high] : [low - 1, low + 1];
}
