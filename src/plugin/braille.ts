/** A canvas of braille dots, two by four in a character, and straight lines on it. It knows nothing of metrics. */

const BLANK = 0x2800;
/** By row and column of a dot in its character (Unicode, Braille Patterns). */
const BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

export interface Dot {
  /** From the left, 0 … 2 · columns − 1. */
  readonly x: number;
  /** From the bottom, 0 … 4 · rows − 1. */
  readonly y: number;
}

export class Braille {
  readonly width: number;
  readonly height: number;
  readonly #cells: number[][];

  /** Size in characters. */
  constructor(columns: number, rows: number) {
    this.width = columns * 2;
    this.height = rows * 4;
    this.#cells = Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0));
  }

  dot({ x, y }: Dot): void {
    const fromTop = this.height - 1 - y;
    const row = this.#cells[Math.floor(fromTop / 4)];
    const column = Math.floor(x / 2);
    if (row?.[column] !== undefined) row[column] |= BITS[fromTop % 4]?.[x % 2] ?? 0;
  }

  line(from: Dot, to: Dot): void {
    const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
    for (let i = 0; i <= steps; i++) {
      const along = (a: number, b: number) => Math.round(a + ((b - a) * i) / steps);
      this.dot({ x: along(from.x, to.x), y: along(from.y, to.y) });
    }
  }

  /** From top to bottom, each as wide as the canvas; empty characters are blanks, so that lines can be trimmed. */
  rows(): string[] {
    return this.#cells.map((row) =>
      row.map((bits) => (bits === 0 ? " " : String.fromCharCode(BLANK + bits))).join(""),
    );
  }
}
