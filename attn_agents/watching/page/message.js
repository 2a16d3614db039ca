// Reads what the server sends: 4 bytes of the frame's number, then a message
// as watching/shots.py states it.

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
