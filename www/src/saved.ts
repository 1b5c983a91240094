import type { DeviceChoice } from "unnoise";

/** What the page keeps in this browser, to go on from when it was reloaded, closed or crashed. */
export interface Saved {
  readonly photo: { readonly file: Blob; readonly name: string; readonly page: number };
  readonly model: string | undefined;
  readonly device: DeviceChoice;
  readonly adapt: string;
  /** Own or tuned weights, and their SHA-256. */
  readonly weights: { readonly file: File; readonly sha256: string | undefined } | undefined;
  /** Whether a network was learning the photo. */
  readonly learning: boolean;
}

/** The best network so far of a tuning that is under way. */
export interface Best {
  readonly model: string;
  /** Steps that it has learned. */
  readonly step: number;
  readonly weights: File;
}

/** Counts changes of {@link Saved} and {@link Best}: another version's state is dropped. */
const VERSION = 1;
const NAME = "unnoise";
const STORE = "session";
/** Keys of the best network so far, and of one that takes its place once it was read back as it was written. */
const BEST = { kept: "best", written: "best, to be verified" };
/** Milliseconds within which the browser has to answer. */
const ANSWER = 2000;

/** How often a state is gone on from that never got so far as to be kept again: it may be what brings the page down. */
const TRIES = 3;

interface BestEntry extends Best {
  readonly version: number;
  readonly sha256: string | undefined;
}

/** One change of the best network after the other. */
let turn: Promise<unknown> = Promise.resolve();

interface Entry extends Saved {
  readonly version: number;
  readonly tries: number;
}

/** Weights, with what tells later whether they are whole. */
export async function sealed(file: File): Promise<NonNullable<Saved["weights"]>> {
  return { file, sha256: await digest(file) };
}

/** Keeps the state, in one transaction: either all of it is there or what was before. Without storage nothing is kept. */
export async function save(saved: Saved): Promise<boolean> {
  return put({ ...saved, version: VERSION, tries: 0 });
}

/** The state that is kept, if any; one that cannot be read, is not whole or of another version is dropped. */
export async function load(): Promise<Saved | "dropped" | undefined> {
  const entry = (await stored("readonly", (store) => store.get(NAME))) as Entry | undefined;
  if (!entry) return undefined;
  try {
    if (entry.version !== VERSION) throw new Error("another version's");
    await entry.photo.file.slice(0, 1).arrayBuffer();
    const { weights } = entry;
    if (weights && (await digest(weights.file)) !== weights.sha256) throw new Error("damaged");
    if (entry.tries >= TRIES) throw new Error("tried too often");
    await put({ ...entry, tries: entry.tries + 1 });
    return entry;
  } catch {
    await clear();
    return "dropped";
  }
}

/** Keeps the best network so far. It takes the place of the one before when it is whole, and not before that. */
export function keepBest(best: Best): Promise<void> {
  return inTurn(async () => {
    const entry = { ...best, version: VERSION, sha256: await digest(best.weights) };
    await stored("readwrite", (store) => store.put(entry, BEST.written));
    if (!(await readBest(BEST.written))) return;
    await stored("readwrite", (store) => {
      store.delete(BEST.written);
      return store.put(entry, BEST.kept);
    });
  });
}

/** The best network of a tuning that did not come to its end, if one is kept and whole. */
export async function loadBest(): Promise<Best | undefined> {
  return readBest(BEST.kept);
}

/** Deletes what is kept of a tuning. */
export function dropBest(): Promise<void> {
  return inTurn(async () => {
    await stored("readwrite", (store) => {
      store.delete(BEST.written);
      return store.delete(BEST.kept);
    });
  });
}

/** Deletes what is kept. */
export function clear(): Promise<void> {
  return inTurn(async () => {
    await stored("readwrite", (store) => store.clear());
  });
}

function inTurn(change: () => Promise<void>): Promise<void> {
  const mine = turn.then(change);
  turn = mine.catch(() => undefined);
  return mine;
}

async function readBest(key: string): Promise<Best | undefined> {
  try {
    const entry = (await stored("readonly", (store) => store.get(key))) as BestEntry | undefined;
    const whole = entry?.version === VERSION && (await digest(entry.weights)) === entry.sha256;
    return whole ? entry : undefined;
  } catch {
    // A file that the browser has lost cannot be read.
    return undefined;
  }
}

async function put(entry: Entry): Promise<boolean> {
  return (await stored("readwrite", (store) => store.put(entry, NAME))) !== undefined;
}

async function digest(file: Blob): Promise<string | undefined> {
  // Pages on plain http have no `subtle`.
  const subtle = (crypto as { subtle?: SubtleCrypto }).subtle;
  const bytes = await file.arrayBuffer();
  if (!subtle) return undefined;
  const hash = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What comes of a request, once it is on disk; `undefined` where the browser has no storage, or none left. */
async function stored(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, ANSWER, undefined));
  return Promise.race([late, transacted(mode, ask).catch(() => undefined)]);
}

async function transacted(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => {
      resolve(opening.result);
    };
    opening.onerror = () => {
      reject(new Error("no storage"));
    };
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        resolve(request.result);
      };
      transaction.onabort = () => {
        reject(new Error("not stored"));
      };
    });
  } finally {
    database.close();
  }
}
