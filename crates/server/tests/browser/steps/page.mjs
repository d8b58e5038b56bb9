// Steps about the page as a whole: failures of the server, size, health, keyboard, phone and colours.

import {
  WAIT,
  check,
  checkNoOverflow,
  enterToken,
  expectStatus,
  metric,
  open,
  picture,
  status,
  text,
  url,
  watch,
  write,
} from "../harness.mjs";

/** Steps by what they show. */
export const pageSteps = {
  async "no data and a step that is too short are explained"(browser) {
    const page = await open(browser, {}, `#q=no_metric_has_this_name&view=graph`);
    await page.locator("[data-kind=empty]", { hasText: "no metric named" }).waitFor(WAIT);
    await write(page, metric);
    await page.click("#range-custom summary");
    await page.waitForFunction(() => document.getElementById("range-to").value === "now", null, WAIT);
    await page.fill("#range-from", "1999-01-01");
    await page.fill("#range-to", "1999-01-02");
    await page.keyboard.press("Enter");
    await page.locator("[data-kind=empty] button", { hasText: "newest" }).click(WAIT);
    await status(page)
      .filter({ hasText: /[1-9]\d* series/ })
      .waitFor(WAIT);
    await page.fill("#step", "1ms");
    await page.keyboard.press("Enter");
    await page.locator(".message-error", { hasText: "11,000" }).waitFor(WAIT);
    await page.context().close();
  },

  async "a server that is gone and comes back is noticed"(browser) {
    const page = await open(browser, {}, `#q=${metric}&view=graph`);
    await page.locator(".u-over").waitFor(WAIT);
    expectStatus(/net::|ERR_/);
    await page.route("**/api/**", (route) => route.abort("connectionrefused"));
    await page.route("**/-/ready", (route) => route.abort("connectionrefused"));
    await page.route("**/metrics", (route) => route.abort("connectionrefused"));
    await page.click("#run-all");
    await page.locator("[data-kind=unreachable]").waitFor(WAIT);
    check(await page.locator("#connection").isVisible(), "the lost connection is not shown");
    await page.unroute("**/api/**");
    await page.unroute("**/-/ready");
    await page.unroute("**/metrics");
    await page.locator("#connection").waitFor({ ...WAIT, state: "hidden" });
    await page.locator(".u-over").waitFor(WAIT);
    expectStatus();
    await page.context().close();
  },

  async "a timeout, and more series than are drawn, are explained"(browser) {
    const page = await open(browser);
    expectStatus(/503/);
    const json = (value) => ({ contentType: "application/json", body: JSON.stringify(value) });
    await page.route("**/query_range", (route) =>
      route.fulfill({ status: 503, ...json({ status: "error", errorType: "timeout", error: "query timed out" }) }),
    );
    await write(page, metric);
    await page.locator("[data-kind=timeout]", { hasText: "shorter range" }).waitFor(WAIT);
    await page.unroute("**/query_range");
    const now = Math.floor(Date.now() / 1000);
    const result = Array.from({ length: 1500 }, (_, at) => ({
      metric: { n: String(at) },
      values: [[now - 60, String(at)]],
    }));
    await page.route("**/query_range", (route) =>
      route.fulfill(
        json({
          status: "success",
          data: { resultType: "matrix", result },
          warnings: ["a warning"],
          infos: ["an info"],
        }),
      ),
    );
    await page.keyboard.press("Enter");
    await page.locator(".note-warning", { hasText: "Only 200 of 1,500 series are drawn" }).waitFor(WAIT);
    await page.locator(".note", { hasText: "an info" }).waitFor(WAIT);
    check((await page.locator(".legend-line").count()) === 200, "the legend has more lines than are drawn");
    await picture(page, "many");
    expectStatus();
    await page.context().close();
  },

  async "a hundred thousand metrics do not freeze the page"(browser) {
    const context = await browser.newContext();
    const page = await context.newPage();
    watch(page);
    expectStatus(/401/);
    const data = Array.from({ length: 100_000 }, (_, at) => `metric_${String(at).padStart(6, "0")}_total`);
    await page.route("**/label/__name__/values*", (route) =>
      route.fulfill({ contentType: "application/json", body: JSON.stringify({ status: "success", data }) }),
    );
    await page.goto(url);
    await enterToken(page);
    await page.locator("#metric-count", { hasText: "100,000 metrics" }).waitFor(WAIT);
    check((await page.locator(".list-row").count()) < 100, "the whole list is in the document");
    await page.locator(".list").focus();
    await page.keyboard.press("End");
    check(
      (await text(page, ".list-row[aria-selected=true]")).endsWith("metric_099999_total"),
      "the last metric cannot be reached",
    );
    const began = Date.now();
    await page.fill("#metric-search", "099998");
    await page.locator("#metric-count", { hasText: "1 of 100,000" }).waitFor(WAIT);
    await page.locator(".query-text").first().click();
    await page.keyboard.type("metric_0500");
    await page.locator(".completions:not([hidden]) .completion").first().waitFor(WAIT);
    check(Date.now() - began < 5_000, `search and completion took ${Date.now() - began} ms`);
    expectStatus();
    await context.close();
  },

  async "queries are added, removed and kept in the address"(browser) {
    const page = await open(browser, {}, `#q=${metric}&view=graph`);
    await page.click("#add-panel");
    await page.keyboard.type("1 + 1");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).getAll("q").length === 2, null, WAIT);
    const link = await page.evaluate(() => location.hash);
    await page.click("#copy-link");
    check(
      (await page.evaluate(() => navigator.clipboard.readText())).endsWith(link),
      "the copied link is not the address",
    );
    const second = await open(browser, {}, link);
    check((await second.locator(".panel").count()) === 2, "a link does not open both queries");
    await second.locator(".remove").first().click();
    check((await second.locator(".query-text").first().inputValue()) === "1 + 1", "the wrong query was removed");
    await second.context().close();
    await page.context().close();
  },

  async "the health of the server is shown"(browser) {
    const page = await open(browser);
    await page.locator('#health-button[data-state="good"], #health-button[data-state="warning"]').waitFor(WAIT);
    await page.click("#health-button");
    const facts = await text(page, "#health-facts");
    check(/State/.test(facts) && /Version/.test(facts), `the health is "${facts}"`);
    await picture(page, "health");
    await page.keyboard.press("Escape");
    check(!(await page.locator("#health-panel").isVisible()), "Escape does not close the health of the server");
    // Without the addresses for it, the page works.
    expectStatus(/404/);
    for (const path of ["**/-/ready", "**/metrics", "**/status/**", "**/metadata*"])
      await page.route(path, (route) => route.fulfill({ status: 404, body: "" }));
    await page.reload();
    await page.locator("#health-text", { hasText: "answers" }).waitFor(WAIT);
    await write(page, metric);
    await status(page)
      .filter({ hasText: /series/ })
      .waitFor(WAIT);
    expectStatus();
    await page.context().close();
  },

  async "the page is used with the keyboard alone"(browser) {
    const page = await open(browser);
    await page.locator("#metric-search").focus();
    await page.keyboard.press("Escape");
    await page.locator("#theme").focus();
    await page.keyboard.press("/");
    check(
      await page.evaluate(() => document.activeElement.classList.contains("query-text")),
      "/ does not lead to the query",
    );
    await page.keyboard.type(metric);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Enter");
    await page.locator(".u-over").waitFor(WAIT);
    const seen = new Set();
    for (let count = 0; count < 60; count += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const node = document.activeElement;
        const style = getComputedStyle(node);
        const isVisible = style.outlineStyle !== "none" || node.closest(".query-field") !== null;
        return {
          name: node.id || node.className || node.tagName,
          isVisible,
          label: node.getAttribute("aria-label") ?? node.textContent?.trim() ?? node.placeholder,
        };
      });
      if (at.name === "BODY") break;
      check(at.isVisible, `the focus on ${at.name} is invisible`);
      seen.add(at.name);
    }
    for (const name of ["chart", "legend-line", "add-panel"])
      check(
        [...seen].some((one) => String(one).includes(name)),
        `Tab does not reach ${name}`,
      );
    await page.locator(".chart").first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.locator(".chart-readout:not([hidden])").waitFor(WAIT);
    await page.locator('[role="tab"][aria-selected="true"]').first().focus();
    await page.keyboard.press("ArrowRight");
    await page.locator("tbody tr").first().waitFor(WAIT);
    await page.context().close();
  },

  async "every control has a name"(browser) {
    const page = await open(browser, {}, `#q=${metric}&view=graph`);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, select, textarea, summary, [role=listbox], [role=group]")]
        .filter(
          (node) =>
            !(
              node.getAttribute("aria-label") ||
              node.textContent.trim() ||
              node.labels?.length ||
              node.getAttribute("aria-labelledby")
            ),
        )
        .map((node) => node.outerHTML.slice(0, 120)),
    );
    check(nameless.length === 0, `controls without a name: ${nameless.join(" ")}`);
    await page.context().close();
  },

  async "a phone shows the page without scrolling sideways"(browser) {
    const page = await open(
      browser,
      { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
      `#range=15m&q=${metric}&view=graph&q=${metric}&view=table`,
    );
    await page.locator(".u-over").waitFor(WAIT);
    await page.locator("tbody tr").first().waitFor(WAIT);
    await checkNoOverflow(page, "graph and table");
    await picture(page, "phone");
    await page.click("#metrics-toggle");
    await page.locator(".list-row").first().waitFor(WAIT);
    await checkNoOverflow(page, "metrics");
    await picture(page, "phone-metrics");
    await page.locator(".list-row").first().click();
    await page.locator(".u-over, .message").first().waitFor(WAIT);
    await page.click("#range-custom summary");
    await checkNoOverflow(page, "custom range");
    await page.click("#health-button");
    await checkNoOverflow(page, "health");
    expectStatus(/400/);
    await write(page, "sum(");
    await page.locator(".message-error").waitFor(WAIT);
    await checkNoOverflow(page, "error");
    expectStatus();
    await page.context().close();
  },

  async "light and dark follow the system, and the switch"(browser) {
    const back = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const hash = `#range=15m&q=${metric}&view=graph&q=${metric}&view=table`;
    const light = await open(browser, { colorScheme: "light" }, hash);
    await light.locator(".u-over").waitFor(WAIT);
    await picture(light, "light");
    const lightBack = await back(light);
    const dark = await open(browser, { colorScheme: "dark" }, hash);
    await dark.locator(".u-over").waitFor(WAIT);
    await picture(dark, "dark");
    check((await back(dark)) !== lightBack, "dark is as light");
    await dark.click("#theme");
    check((await back(dark)) === lightBack, "the switch does not make the page light");
    await dark.reload();
    check((await back(dark)) === lightBack, "the choice is not kept");
    await light.context().close();
    await dark.context().close();
  },
};
