/** Pictures as an endpoint takes them: `{b64}` of a JPEG or PNG. Other formats are drawn and saved as PNG. */
export async function asInstance(file: Blob): Promise<{ b64: string }> {
  if (['image/jpeg', 'image/png'].includes(file.type)) return { b64: await base64(file) };
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  return { b64: await base64(png ?? file) };
}

function base64(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/**
 * A drawing (white strokes on black) as rows of grey values, framed as MNIST frames its digits: the
 * ink is scaled into the middle 20/28 of the square and its centre of mass is moved to the centre
 * (http://yann.lecun.com/exdb/mnist). Answers null when nothing was drawn.
 */
export function framedDrawing(canvas: HTMLCanvasElement, size: number): number[][] | null {
  const context = canvas.getContext('2d');
  if (context === null) return null;
  const { width, height } = canvas;
  const ink = greys(context.getImageData(0, 0, width, height));
  const box = inkBox(ink, width, height);
  if (box === null) return null;
  const scale = (size * 20) / 28 / Math.max(box.width, box.height);
  const small = document.createElement('canvas');
  small.width = size;
  small.height = size;
  const target = small.getContext('2d');
  if (target === null) return null;
  target.fillStyle = '#000';
  target.fillRect(0, 0, size, size);
  target.imageSmoothingQuality = 'high';
  const left = size / 2 - (box.massX - box.left) * scale;
  const top = size / 2 - (box.massY - box.top) * scale;
  target.drawImage(
    canvas,
    box.left,
    box.top,
    box.width,
    box.height,
    left,
    top,
    box.width * scale,
    box.height * scale,
  );
  const values = greys(target.getImageData(0, 0, size, size));
  return Array.from({ length: size }, (_, row) => [...values.slice(row * size, (row + 1) * size)]);
}

function greys(image: ImageData): Uint8Array {
  return Uint8Array.from(
    { length: image.data.length / 4 },
    (_, index) => image.data[index * 4] ?? 0,
  );
}

function inkBox(ink: Uint8Array, width: number, height: number) {
  let [left, right, top, bottom, mass, massX, massY] = [width, -1, height, -1, 0, 0, 0];
  ink.forEach((value, index) => {
    if (value < 32) return;
    const x = index % width;
    const y = Math.floor(index / width);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
    mass += value;
    massX += value * x;
    massY += value * y;
  });
  if (mass === 0) return null;
  return {
    left,
    top,
    width: right - left + 1,
    height: bottom - top + 1,
    massX: massX / mass,
    massY: massY / mass,
  };
}
