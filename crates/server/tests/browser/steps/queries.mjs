// Steps about queries: the list of metrics, completion, charts, tables and errors.

import { WAIT, check, expectStatus, metric, open, picture, status, text, write } from "../harness.mjs";

/** Steps by what they show. */
export const queries = {
  async "metrics are listed and searched"(browser) {
    const page = await open(browser);
    check(
      /\d+ metrics?/.test(await text(page, "#metric-count")),
      `the count of metrics is "${await text(page, "#metric-count")}"`,
    );
    await page.fill("#metric-search", metric);
    await page.keyboard.press("ArrowDown");
    check(
      (await text(page, ".list-row[aria-selected=true]")).endsWith(metric),
      "the metric is not the first that the search finds",
    );
    await page.keyboard.press("Enter");
    await status(page)
      .filter({ hasText: /series/ })
      .waitFor(WAIT);
    check((await page.locator(".query-text").first().inputValue()) === metric, "the chosen metric is not the query");
    await page.locator(".labels summary").first().click();
    await page.locator(".value").first().click(WAIT);
    check(
      /="/.test(await page.locator(".query-text").first().inputValue()),
      "a value that was clicked is not in the query",
    );
    await page.fill("#metric-search", "no metric has this name");
    await page.locator("#metric-count", { hasText: /^0 of/ }).waitFor(WAIT);
    const all = Number((await text(page, "#metric-count")).replace(/^0 of |\D/g, ""));
    // The metrics that have a value of a label.
    await page.click("#list-labels");
    await page.locator("#metric-count", { hasText: /\d labels?$/ }).waitFor(WAIT);
    await page.locator(".list-row").first().click();
    await page.locator("#metric-details .value").first().click(WAIT);
    await page.locator(".filter").waitFor(WAIT);
    await page.locator("#metric-count", { hasText: /\d metrics?$/ }).waitFor(WAIT);
    await picture(page, "filtered");
    await page.locator(".filter").click();
    await page
      .locator("#metric-count", { hasText: new RegExp(`^${all.toLocaleString("en-US")} metrics?$`) })
      .waitFor(WAIT);
    await page.context().close();
  },

  async "completion offers metrics, labels, values, functions and durations"(browser) {
    const page = await open(browser);
    const names = () => page.locator(".completion-name").allInnerTexts();
    const offered = async () => {
      await page.locator(".completions:not([hidden]) .completion").first().waitFor(WAIT);
      return names();
    };
    await page.locator(".query-text").first().click();
    await page.keyboard.type("sum_ov");
    check((await offered())[0] === "sum_over_time", "sum_over_time is not offered for sum_ov");
    await page.keyboard.press("Enter");
    await page.keyboard.type(metric);
    check((await offered()).includes(metric), `${metric} is not offered`);
    await page.keyboard.press("Escape");
    await page.keyboard.type("{");
    check((await offered()).length > 0, "no labels are offered in braces");
    await picture(page, "completion");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Tab");
    await offered();
    check((await page.locator(".kind-value").count()) > 0, "no values are offered for a label");
    await page.keyboard.press("Enter");
    await page.keyboard.type("}[");
    check((await offered()).includes("5m"), "no durations are offered in brackets");
    await page.keyboard.type("5m");
    await page.keyboard.press("Escape");
    await page.keyboard.type("]");
    await page.keyboard.press("Control+Enter");
    await status(page)
      .filter({ hasText: /1 series|\d+ series/ })
      .waitFor(WAIT);
    const query = await page.locator(".query-text").first().inputValue();
    check(/^sum_over_time\(.+\{.+=".*"\}\[5m\]\)$/.test(query), `the completed query is ${query}`);
    await page.keyboard.press("Control+z");
    check((await page.locator(".query-text").first().inputValue()) !== query, "undo does not take back what was typed");
    await page.context().close();
  },

  async "a chart zooms by drag and goes back"(browser) {
    const page = await open(browser, {}, `#range=15m&q=${metric}&view=graph`);
    await page.locator(".u-over").waitFor(WAIT);
    const before = await page.evaluate(() => location.hash);
    const box = await page.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
    check(await page.locator(".chart-readout").isVisible(), "the cursor shows no values");
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction((hash) => location.hash !== hash && location.hash.includes("end="), before, WAIT);
    await status(page)
      .filter({ hasText: /series/ })
      .waitFor(WAIT);
    await picture(page, "zoomed");
    check(/ – /.test(await text(page, "#range-text")), "the zoomed range is not shown");
    await page.click("#range-back");
    await page.waitForFunction(() => !location.hash.includes("end="), null, WAIT);
    await page.goBack();
    await page.waitForFunction(() => location.hash.includes("end="), null, WAIT);
    await page.context().close();
  },

  async "the legend hides lines"(browser) {
    const page = await open(browser, {}, `#range=15m&q=${metric}&view=graph`);
    const lines = page.locator(".legend-line");
    await lines.first().waitFor(WAIT);
    const count = await lines.count();
    await lines.first().click();
    check((await page.locator(".legend-line[aria-pressed=true]").count()) === 1, "a click does not show a line alone");
    await lines.first().click();
    check(
      (await page.locator(".legend-line[aria-pressed=true]").count()) === count,
      "a second click does not show all lines",
    );
    await lines.first().click({ modifiers: ["Shift"] });
    check((await page.locator(".legend-line[aria-pressed=false]").count()) === 1, "Shift and click do not hide a line");
    await page.context().close();
  },

  async "times switch between local time and UTC"(browser) {
    const page = await open(
      browser,
      { timezoneId: "America/New_York" },
      `#range=15m&end=2026-01-01T12:00:00Z&q=${metric}&view=graph`,
    );
    check((await text(page, "#range-text")).includes("07:00:00"), `local time is "${await text(page, "#range-text")}"`);
    await page.click("#zone");
    check((await text(page, "#range-text")).includes("12:00:00"), `UTC is "${await text(page, "#range-text")}"`);
    check((await page.evaluate(() => location.hash)).includes("zone=utc"), "the zone is not in the address");
    await page.context().close();
  },

  async "a custom range is checked and applied"(browser) {
    const page = await open(browser);
    await page.click("#range-custom summary");
    // The fields are filled once the menu is open.
    await page.waitForFunction(() => document.getElementById("range-to").value === "now", null, WAIT);
    await page.fill("#range-from", "yesterday");
    await page.keyboard.press("Enter");
    check((await text(page, "#range-error")).includes("yesterday"), "a time that is none is accepted");
    await page.fill("#range-from", "now-2h");
    await page.fill("#range-to", "now-1h");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.includes("range=1h&end="), null, WAIT);
    await page.context().close();
  },

  async "a table shows values and sorts"(browser) {
    const page = await open(browser, {}, `#q=${metric}&view=table`);
    await page.locator("tbody tr").first().waitFor(WAIT);
    const rows = await page.locator("tbody tr").count();
    check(
      rows > 0 && (await text(page, ".table-caption")).startsWith(`${rows} row`),
      "the caption does not count the rows",
    );
    check(
      /^[-+\d.eINaf]+$/.test((await text(page, "td.number")).trim()),
      `the value is "${await text(page, "td.number")}"`,
    );
    await page.locator("th.number button").click();
    check(
      (await page.locator("th.number").getAttribute("aria-sort")) === "descending",
      "a click on the head does not sort",
    );
    const saved = page.waitForEvent("download", WAIT);
    await page.click("text=Save as CSV");
    check((await saved).suggestedFilename() === "table.csv", "the table is not saved");
    await write(page, "1 + 1");
    await page.locator("td.number", { hasText: "2" }).waitFor(WAIT);
    await write(page, `${metric}[1m]`);
    await page.locator("td.points", { hasText: "@" }).first().waitFor(WAIT);
    await picture(page, "table");
    await page.context().close();
  },

  async "an error is shown at its place"(browser) {
    const page = await open(browser);
    expectStatus(/400/);
    await write(page, `sum(\n  rate(${metric})\n)`.replaceAll("\n", " "));
    await page.locator(".message-error").waitFor(WAIT);
    check((await text(page, ".error-text")).includes("range vector"), "the message of the server is not shown");
    check((await text(page, ".query-wrong")) === metric, `the mark is at "${await text(page, ".query-wrong")}"`);
    await picture(page, "error");
    await page.click("text=Go to the place");
    const caret = await page.evaluate(() => document.activeElement.selectionStart);
    check(caret === 12, `the caret is at ${caret} instead of the error`);
    await write(page, "sum(");
    await page.locator(".error-text", { hasText: /parenthesis|bracket/ }).waitFor(WAIT);
    check(
      (await page.locator(".query-text").first().getAttribute("aria-invalid")) === "true",
      "the box is not marked as invalid",
    );
    await page.locator(".query-text").first().fill("");
    check((await page.locator(".query-wrong").count()) === 0, "the mark stays after a change");
    expectStatus();
    await page.context().close();
  },
};
