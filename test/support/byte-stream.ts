/** A stream of bytes that a test writes by hand: buffered, ended or broken at will. */

export class ByteStream implements AsyncIterable<Uint8Array> {
  readonly #buffer: Uint8Array[] = [];
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #onClose: () => void;

  /** `onClose` is called once, when the reader leaves or the stream is over. */
  constructor(onClose: () => void = () => {}) {
    let closed = false;
    this.#onClose = () => {
      if (!closed) onClose();
      closed = true;
    };
  }

  write(chunk: Uint8Array | string): void {
    if (this.#end) return;
    this.#buffer.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    this.#wake?.();
  }

  /** The reader first gets what is buffered. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake?.();
    this.#onClose();
  }

  /** As the abort of a request does: what is buffered is lost. */
  abort(reason: unknown): void {
    this.#buffer.length = 0;
    this.#end = { error: reason };
    this.#wake?.();
    this.#onClose();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#buffer.shift();
        if (chunk) yield chunk;
        else if (this.#end && "error" in this.#end) throw this.#end.error;
        else if (this.#end) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#end ??= {};
      this.#onClose();
    }
  }
}
