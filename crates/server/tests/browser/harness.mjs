// What the steps of the walk share: opening the page, and watching what the browser reports.

const [, , address, pictures = "pictures"] = process.argv;

/** Address of the page. */
export const url = address;

/** Folder for pictures. */
export const folder = pictures;

/** Metric with several series and new points. */
export const metric = process.env.METRIC ?? "up";

export const WAIT = { timeout: 60_000 };

/** Messages of the browser that no step expects. */
export const problems = [];

/** Statuses that a step expects: the browser reports each failed request by itself. */
let expected = /^$/;

/** Says which failed requests the browser may report from now on; without a pattern, none. */
export function expectStatus(pattern = /^$/) {
  expected = pattern;
}

export function check(isTrue, message) {
  if (!isTrue) throw new Error(message);
}

/** Notes errors of a page, and requests to other servers. */
export function watch(page) {
  page.on("console", (message) => {
    const isExpected = message.text().startsWith("Failed to load resource") && expected.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isExpected)
      problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`error of the page: ${error.stack}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith("blob:"))
      problems.push(`request to another place: ${request.url()}`);
  });
}

/** Enters the token, if the server wants one. */
export async function enterToken(page) {
  if (process.env.TOKEN === undefined) return;
  await page.locator("#token-dialog[open]").waitFor(WAIT);
  await page.fill("#token-field", process.env.TOKEN);
  await page.keyboard.press("Enter");
}

/** Opens the page in a new window, with a state behind `#`, and waits for the list of metrics. */
export async function open(browser, options, hash = "") {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options });
  const page = await context.newPage();
  watch(page);
  if (process.env.TOKEN !== undefined) expectStatus(/401/);
  const response = await page.goto(url + hash);
  const headers = response.headers();
  check(response.status() === 200, `the page has the status ${response.status()}`);
  const policy = headers["content-security-policy"] ?? "";
  check(policy.includes("default-src 'self'"), "the page has no strict Content-Security-Policy");
  check(headers["x-content-type-options"] === "nosniff", "the page lacks X-Content-Type-Options: nosniff");
  await enterToken(page);
  // On a phone the list is closed at first.
  const row = page.locator(".list-row").first();
  await row.waitFor({ ...WAIT, state: "attached" });
  return page;
}

export const picture = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

export const text = (page, selector) => page.locator(selector).first().innerText();

export const status = (page) => page.locator(".panel-status").first();

/** Writes a query into the first box and runs it. */
export async function write(page, query) {
  await page.locator(".query-text").first().fill(query);
  await page.keyboard.press("Enter");
}

export async function checkNoOverflow(page, what) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  const shown = await page.evaluate(() => document.documentElement.clientWidth);
  check(width <= shown, `${what}: the page is ${width} px wide in a window of ${shown} px`);
}
