// Decodes what the server sends: the frame's number in 4 bytes, then a message
// in the format of watching/shots.py.

export async function decode(buffer) {
  const view = new DataView(buffer);
  const length = view.getUint32(4, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
  const facts = JSON.parse(text);
  let offset = 8 + length;
  for (const map of facts.maps) {
    const size = map.height * map.width;
    map.weights = new Uint8Array(buffer, offset, size);
    offset += size;
  }
  const png = new Blob([new Uint8Array(buffer, offset)], {type: 'image/png'});
  const frame = await createImageBitmap(png);
  return {number: view.getUint32(0, true), facts, frame};
}
