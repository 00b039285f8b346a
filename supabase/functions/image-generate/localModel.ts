// Draws a small symmetric pattern, always the same for the same prompt.
import { encode } from "fast-png";
import type { ImageModel } from "./model.ts";

const CELLS = 8;
const CELL = 32;
const SIZE = CELLS * CELL;

export class LocalModel implements ImageModel {
  async generate(prompt: string): Promise<Uint8Array> {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(prompt)));
    const ink = hash.subarray(0, 3);
    const paper = ink.map((value) => 255 - value);
    const data = new Uint8Array(SIZE * SIZE * 3);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const column = Math.floor(x / CELL);
        const mirrored = Math.min(column, CELLS - 1 - column);
        const cell = Math.floor(y / CELL) * (CELLS / 2) + mirrored;
        data.set(hash[cell] % 2 ? ink : paper, (y * SIZE + x) * 3);
      }
    }
    return encode({ width: SIZE, height: SIZE, data, channels: 3, depth: 8 });
  }
}
