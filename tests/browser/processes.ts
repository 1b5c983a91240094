/** The memory of a browser's processes, as the operating system counts it (Linux). */
import { readFileSync } from "node:fs";
import type { Browser } from "@playwright/test";

/** Megabytes in memory, of all processes of a kind. */
export interface Resident {
  /** The process of each page, largest first. */
  readonly renderers: readonly number[];
  /** The process that started all others; it holds blobs, too. */
  readonly browser: number;
  readonly others: number;
}

/** What the processes of a browser have in memory now. */
export async function resident(browser: Browser): Promise<Resident> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const sizes = (isWanted: (type: string) => boolean) =>
    processInfo.filter(({ type }) => isWanted(type)).map(({ id }) => megabytes(id));
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
  return {
    renderers: sizes((type) => type === "renderer").sort((a, b) => b - a),
    browser: sum(sizes((type) => type === "browser")),
    others: sum(sizes((type) => type !== "renderer" && type !== "browser")),
  };
}

/** What a process has in memory; nothing when it has just ended. */
function megabytes(id: number): number {
  try {
    const [, kilobytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8")) ?? [];
    return Number(kilobytes) / 1024;
  } catch {
    return 0;
  }
}
