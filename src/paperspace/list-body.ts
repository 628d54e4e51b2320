/**
 * Reads a page of a list from the bytes of its body, item by item: neither the text of the page is held nor a field that
 * nobody reads. It finds where items and fields begin and end; what they say is left to JSON.parse, and what an item means
 * to the caller.
 */
import { GrowingText } from "./growing-text.ts";
import { MOST_DEPTH, MOST_VALUES } from "./nesting.ts";
import { BodyError, type BodyReader } from "./wire.ts";

export interface ListBodyOptions {
  /** The fields of an item that are kept. Default: all. */
  readonly fields?: ReadonlySet<string> | undefined;
  /** Most bytes that are kept of all items together. */
  readonly maxBytes: number;
  /** What is beyond them: the page fails as too large, or the field that does not fit is dropped. */
  readonly overflow: "fail" | "drop";
  /**
   * Called for each item, in order. `dropped`: the names of its fields that are too large or nested too deep, which the
   * value lacks; another value than an object is null then.
   */
  readonly item: (value: unknown, dropped: readonly string[]) => void;
}

/** Ten times what a page has at most (machines.md section 2): more is no page. */
export const MOST_ITEMS = 1_200;
/** All but the items: hasMore, the cursor; or an error body, or a page of a gateway. */
export const FRAME_BYTES = 64 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How many arrays and objects are open between two items, and between two fields of an item. */
const AT_ITEMS = 2;
const AT_FIELDS = 3;

export class ListBody implements BodyReader {
  readonly #options: ListBodyOptions;
  readonly #frame = new GrowingText();
  /** Of the item that is being read, with the fields that are kept. */
  readonly #text = new GrowingText();
  /** Where what is read goes; undefined where it is skipped. */
  #target: GrowingText | undefined = this.#frame;
  /** Arrays and objects that are open. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The next string at this depth is a key. */
  #keyNext = false;
  /** Where the key begins in the target; undefined outside of a key. */
  #keyFrom: number | undefined;
  /** The value that begins next is that of the frame's `items`. */
  #itemsNext = false;
  #inItems = false;
  #hadItems = false;
  #item: "before" | "object" | "value" | "after" = "before";
  /** After a comma, which neither an array nor an object may end with. */
  #itemDue = false;
  #fieldDue = false;
  /** Where it begins in the text, and how many values were kept before it. */
  #field = { name: "", from: 0, values: 0 };
  #dropped: string[] = [];
  #items = 0;
  /** Bytes of the items before this one. */
  #kept = 0;
  /** Values that are kept of this item, and of those before it. */
  #values = 0;

  constructor(options: ListBodyOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length && this.#frame.length <= FRAME_BYTES; ) {
      const from = at;
      if (this.#inString) {
        at = this.#stringEnd(chunk, from);
        this.#emit(chunk, from, at);
        if (!this.#inString && this.#keyFrom !== undefined) this.#endKey(this.#keyFrom);
      } else if (isStructural(chunk[at] as number)) {
        this.#structural(chunk, at++);
      } else {
        while (at < chunk.length && !isStructural(chunk[at] as number)) at++;
        this.#plain(chunk, from, at);
      }
    }
    return this.#frame.length <= FRAME_BYTES;
  }

  get held(): number {
    return this.#frame.length + this.#kept + this.#text.length;
  }

  /** Bytes of the items that were read, without the fields that are not kept. */
  get kept(): number {
    return this.#kept;
  }

  /** The frame, whose `items` are empty. */
  end(): string {
    return this.#frame.take();
  }

  /** Index behind the quote that ends the string, or behind the chunk. */
  #stringEnd(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    for (;;) {
      const quote = chunk.indexOf(QUOTE, at);
      const to = quote < 0 ? chunk.length : quote;
      let unescaped = to;
      while (unescaped > at && chunk[unescaped - 1] === BACKSLASH) unescaped--;
      const isEscaped = (to - unescaped) % 2 === 1;
      if (quote < 0) {
        this.#escaped = isEscaped;
        return to;
      }
      at = quote + 1;
      if (isEscaped) continue;
      this.#inString = false;
      return at;
    }
  }

  /** Whitespace, numbers and literals. */
  #plain(chunk: Uint8Array, from: number, to: number): void {
    if (this.#isAtItems || this.#isAtKey) {
      if (isBlank(chunk, from, to)) return;
      if (this.#isAtKey) throw broken();
      this.#beginValue();
    }
    this.#emit(chunk, from, to);
  }

  #structural(chunk: Uint8Array, at: number): void {
    const byte = chunk[at];
    switch (byte) {
      case QUOTE:
        this.#beginString();
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (this.#open(byte)) return;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        if (this.#close(chunk, at)) return;
        break;
      case COMMA:
        if (this.#comma()) return;
        break;
      case COLON:
        // Where nothing is kept that JSON.parse would refuse.
        if (this.#isAtItems || this.#isAtKey) throw broken();
        break;
    }
    this.#emit(chunk, at, at + 1);
    if (this.#depth > MOST_DEPTH + AT_ITEMS) this.#drop("nested");
    const isValue = byte === COMMA || byte === OPEN_ARRAY || byte === OPEN_OBJECT;
    if (isValue && this.#target === this.#text && ++this.#values > MOST_VALUES)
      this.#drop(`its items have more than ${MOST_VALUES} values`);
  }

  #beginString(): void {
    if (this.#isAtItems) this.#beginValue();
    this.#itemsNext = false;
    this.#inString = true;
    if (!this.#keyNext) return;
    if (this.#isAtKey) this.#beginField();
    if (this.#isAtKey || this.#isAtFrame) {
      this.#keyFrom = this.#target?.length;
      this.#keyNext = false;
    }
  }

  /** Whether nothing is to be kept of the bracket. */
  #open(byte: number): boolean {
    const isItems = this.#itemsNext && byte === OPEN_ARRAY;
    this.#itemsNext = false;
    if (this.#isAtItems) {
      if (byte === OPEN_OBJECT) return this.#beginObject();
      this.#beginValue();
    }
    this.#depth++;
    if (this.#depth === 1) this.#keyNext = byte === OPEN_OBJECT;
    if (!isItems) return false;
    // JSON.parse would take the last ones alone: which of them the page has is unknown.
    if (this.#hadItems) throw new BodyError("unexpected", "two fields of the name items");
    this.#hadItems = true;
    this.#frame.append(OPEN, 0, 1);
    this.#inItems = true;
    this.#item = "before";
    this.#itemDue = false;
    this.#target = undefined;
    return true;
  }

  /** Whether the bracket has been kept. */
  #close(chunk: Uint8Array, at: number): boolean {
    if (this.#isAtItems || (this.#item === "value" && this.#depth === AT_ITEMS)) {
      if (this.#item === "value") this.#endItem();
      else if (this.#itemDue) throw broken();
      this.#inItems = false;
      this.#target = this.#frame;
    } else if (this.#isInObject && this.#depth === AT_FIELDS) {
      if (this.#fieldDue) throw broken();
      this.#depth--;
      // Another bracket than the one that it began with does not parse.
      this.#text.append(chunk, at, at + 1);
      this.#endItem();
      return true;
    }
    this.#depth--;
    return false;
  }

  /** Whether nothing is to be kept of it. */
  #comma(): boolean {
    if (this.#inItems && this.#depth === AT_ITEMS) {
      if (this.#item === "value") this.#endItem();
      if (this.#item === "before") throw broken();
      this.#item = "before";
      this.#itemDue = true;
      return true;
    }
    if (this.#isInObject && this.#depth === AT_FIELDS) {
      if (this.#keyNext) throw broken();
      this.#keyNext = true;
      this.#fieldDue = true;
      this.#target = undefined;
      return true;
    }
    if (this.#isAtFrame) {
      this.#keyNext = true;
      this.#itemsNext = false;
    }
    return false;
  }

  /** Between two items, or behind one. */
  get #isAtItems(): boolean {
    return this.#inItems && this.#depth === AT_ITEMS && this.#item !== "value";
  }

  get #isInObject(): boolean {
    return this.#inItems && this.#item === "object";
  }

  /** Where a field of an item begins. */
  get #isAtKey(): boolean {
    return this.#isInObject && this.#depth === AT_FIELDS && this.#keyNext;
  }

  get #isAtFrame(): boolean {
    return !this.#inItems && this.#depth === 1;
  }

  #countItem(): void {
    if (this.#item !== "before") throw broken();
    if (++this.#items > MOST_ITEMS)
      throw new BodyError("unexpected", `a page of more than ${MOST_ITEMS} items`);
    this.#itemDue = false;
    this.#dropped = [];
    this.#text.clear();
  }

  #beginValue(): void {
    this.#countItem();
    this.#item = "value";
    this.#field.values = this.#values;
    this.#target = this.#text;
  }

  #beginObject(): true {
    this.#countItem();
    this.#item = "object";
    this.#depth = AT_FIELDS;
    this.#keyNext = true;
    this.#fieldDue = false;
    this.#target = undefined;
    this.#text.append(OPEN, 1, 2);
    return true;
  }

  #beginField(): void {
    this.#field = { name: "", from: this.#text.length, values: this.#values };
    this.#fieldDue = false;
    if (this.#text.length > 1) this.#text.append(OPEN, 2, 3);
    this.#target = this.#text;
  }

  #endKey(from: number): void {
    this.#keyFrom = undefined;
    const key = parse((this.#inItems ? this.#text : this.#frame).textFrom(from));
    if (!this.#inItems) {
      this.#itemsNext = key === "items";
      return;
    }
    this.#field.name = String(key);
    if (this.#options.fields?.has(this.#field.name) === false) this.#skipField();
  }

  #skipField(): void {
    this.#text.truncate(this.#field.from);
    this.#target = undefined;
  }

  #endItem(): void {
    this.#item = "after";
    this.#target = undefined;
    this.#kept += this.#text.length;
    this.#options.item(parse(this.#text.take()), this.#dropped);
  }

  #emit(chunk: Uint8Array, from: number, to: number): void {
    const target = this.#target;
    if (!target) return;
    target.append(chunk, from, to);
    if (target === this.#text && this.#kept + target.length > this.#options.maxBytes)
      this.#drop(`its items are larger than ${this.#options.maxBytes} bytes`);
  }

  /** `why`: nested, which costs the field alone, or why the items are too large. */
  #drop(why: string): void {
    if (this.#target === undefined) return;
    if (this.#target === this.#frame)
      throw new BodyError("unexpected", `nested deeper than ${MOST_DEPTH} levels`);
    if (why !== "nested" && this.#options.overflow === "fail") throw new BodyError("too-large", why);
    this.#values = this.#field.values;
    if (this.#item === "object") {
      this.#keyFrom = undefined;
      this.#dropped.push(this.#field.name);
      this.#skipField();
    } else {
      this.#text.clear();
      this.#text.append(NULL, 0, NULL.length);
      this.#target = undefined;
    }
  }
}

/** What is written into a text without having been read. */
const OPEN = Buffer.from("[{,");
const NULL = Buffer.from("null");

function isStructural(byte: number): boolean {
  switch (byte) {
    case QUOTE:
    case COMMA:
    case COLON:
    case OPEN_ARRAY:
    case CLOSE_ARRAY:
    case OPEN_OBJECT:
    case CLOSE_OBJECT:
      return true;
    default:
      return false;
  }
}

/** JSON's whitespace only. */
function isBlank(chunk: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = chunk[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw broken();
  }
}

function broken(): BodyError {
  return new BodyError("broken", "the answer breaks off");
}
