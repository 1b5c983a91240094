/** The page's policy: no script and no HTML is made out of strings, and no script is started but its own. */
import { expect, test } from "@playwright/test";

test("strings become neither scripts nor HTML, and only the page's own workers start", async ({ page }) => {
  await page.goto("./");
  // Which says that the engine's worker has started.
  await expect(page.locator("#device-about")).toContainText("Uses", { timeout: 60_000 });
  const refused = await page.evaluate(() => {
    const nameOf = (attempt: () => unknown) => {
      try {
        attempt();
        return "allowed";
      } catch (error) {
        return error instanceof Error ? error.name : String(error);
      }
    };
    const blob = URL.createObjectURL(new Blob(["postMessage(1)"], { type: "text/javascript" }));
    const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): unknown } })
      .trustedTypes;
    return {
      html: nameOf(() => (document.createElement("div").innerHTML = "<b>x</b>")),
      inserted: nameOf(() => {
        document.body.insertAdjacentHTML("beforeend", "<b>x</b>");
      }),
      parsed: nameOf(() => new DOMParser().parseFromString("<b>x</b>", "text/html")),
      source: nameOf(() => (document.createElement("script").src = "./assets/x.png")),
      text: nameOf(() => (document.createElement("script").text = "1")),
      blob: nameOf(() => new Worker(blob)),
      elsewhere: nameOf(() => new Worker("https://example.org/assets/worker.js")),
      photo: nameOf(() => new Worker("./sample.png")),
      data: nameOf(() => new Worker("data:text/javascript,postMessage(1)")),
      policy: nameOf(() => factory?.createPolicy("another", {})),
    };
  });
  expect(refused).toEqual(Object.fromEntries(Object.keys(refused).map((key) => [key, "TypeError"])));

  // By a timer, since the tools of the test may evaluate what a page may not.
  const violated = await page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        const said = ({ violatedDirective }: SecurityPolicyViolationEvent) => {
          resolve(violatedDirective);
        };
        document.addEventListener("securitypolicyviolation", said, { once: true });
        setTimeout(() => {
          // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it is what must not work
          setTimeout("document.title = 'evaluated'", 0);
        }, 0);
        setTimeout(resolve, 2000, "nothing");
      }),
  );
  expect(violated).toMatch(/^(require-trusted-types-for|script-src)$/);
  await expect(page).not.toHaveTitle("evaluated");
});
