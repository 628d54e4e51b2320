/** UTF-8 text that is put together from pieces of byte chunks, without holding on to the chunks. */
export class GrowingText {
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from;
    if (length > this.#bytes.length) {
      // Twice as much each time, so that a long text is copied a constant number of times.
      const larger = Buffer.allocUnsafeSlow(Math.max(256, 2 * length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    // Most pieces are a few bytes, for which a view of the chunk costs more than its bytes.
    if (to - from > 32) this.#bytes.set(chunk.subarray(from, to), this.#length);
    else for (let at = from; at < to; at++) this.#bytes[this.#length + at - from] = chunk[at] as number;
    this.#length = length;
  }

  textFrom(from: number): string {
    return this.#bytes.toString("utf8", from, this.#length);
  }

  truncate(length: number): void {
    this.#length = length;
  }

  clear(): void {
    this.truncate(0);
  }

  /** All of it; what is appended next begins a new text. */
  take(): string {
    const text = this.textFrom(0);
    this.clear();
    return text;
  }
}
