// Draws frames, and where the heads attend in them.

// Of the small pictures.
const OPACITY = 0.9;
// How dark a frame is under maps of full opacity.
const SHADE = 0.65;

// A map, a pixel for each cell, of one colour: as opaque as the weight, in
// parts of the largest, is above the mean, so that attention to everything
// alike hides nothing. Beyond the outermost cells it goes on as it is there.
function painted(map, colour, opacity) {
  const mean = map.weights.reduce((a, b) => a + b, 0) / map.weights.length;
  const [width, height] = [map.width + 2, map.height + 2];
  const image = new ImageData(width, height);
  const within = (place, size) => Math.min(Math.max(place - 1, 0), size - 1);
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

// A frame, darkened for maps. Canvases have its pixels, which the style sheet
// enlarges: drawing must leave the machine to whatever trains on it.
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

// Draws a map over the frame, each cell where it belongs.
function cover(context, map, colour, opacity, smooth) {
  const [top, left, height, width] = map.box;
  const [tall, wide] = [height / map.height, width / map.width];
  context.imageSmoothingEnabled = smooth;
  context.drawImage(
    painted(map, colour, opacity),
    left - wide, top - tall, width + 2 * wide, height + 2 * tall);
}

// The game, and over it the maps with their numbers in `chosen`.
export function drawGame(
  canvas, frame, maps, chosen, colours, opacity, smooth) {
  const context = start(canvas, frame, chosen.length ? opacity : 0);
  maps.forEach((map, index) => {
    if (chosen.includes(index)) {
      cover(context, map, colours[index], opacity, smooth);
    }
  });
}

// The frame, and over it one map.
export function drawHead(canvas, frame, map, colour, smooth) {
  const context = start(canvas, frame, OPACITY);
  cover(context, map, colour, OPACITY, smooth);
}
