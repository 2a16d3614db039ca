// Draws frames with the attention of the heads over them.

// Opacity of the small pictures.
const OPACITY = 0.9;
// How far maps of full opacity darken the frame.
const SHADE = 0.65;

// A map in one colour, one pixel for each cell. Its opacity is how far the
// weight, in parts of the largest, is above the mean: uniform attention hides
// nothing. The outermost cells are repeated `border` times beyond the edge.
function painted(map, colour, opacity, border) {
  const mean = map.weights.reduce((a, b) => a + b, 0) / map.weights.length;
  const [width, height] = [map.width + 2 * border, map.height + 2 * border];
  const image = new ImageData(width, height);
  const within = (place, size) =>
    Math.min(Math.max(place - border, 0), size - 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const cell =
        within(y, map.height) * map.width + within(x, map.width);
      image.data.set(colour, at);
      image.data[at + 3] = opacity * (map.weights[cell] - mean);
    }
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// Draws a frame, darkened for maps. A canvas has as many pixels as the frame,
// and the style sheet enlarges it: cheap, because training shares the machine.
function start(canvas, frame, opacity) {
  if (canvas.width !== frame.width || canvas.height !== frame.height) {
    canvas.width = frame.width;
    canvas.height = frame.height;
  }
  const context = canvas.getContext('2d');
  context.drawImage(frame, 0, 0);
  context.fillStyle = `rgb(0 0 0 / ${SHADE * opacity})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}

// Draws a map over the frame, each cell at its place. The outermost ones go on
// to the edge of the screen, as in the report.
function cover(context, map, colour, opacity, smooth) {
  const [top, left, height, width] = map.box;
  const [tall, wide] = [height / map.height, width / map.width];
  const {canvas} = context;
  const border = Math.max(1, ...[
    top / tall, (canvas.height - top - height) / tall,
    left / wide, (canvas.width - left - width) / wide,
  ].map(Math.ceil));
  context.imageSmoothingEnabled = smooth;
  context.drawImage(
    painted(map, colour, opacity, border),
    left - border * wide, top - border * tall,
    width + 2 * border * wide, height + 2 * border * tall);
}

// Draws the game and over it the maps whose indices are in `chosen`.
export function drawGame(
  canvas, frame, maps, chosen, colours, opacity, smooth) {
  const context = start(canvas, frame, chosen.length ? opacity : 0);
  maps.forEach((map, index) => {
    if (chosen.includes(index)) {
      cover(context, map, colours[index], opacity, smooth);
    }
  });
}

// Draws the frame and over it one map.
export function drawHead(canvas, frame, map, colour, smooth) {
  const context = start(canvas, frame, OPACITY);
  cover(context, map, colour, OPACITY, smooth);
}
