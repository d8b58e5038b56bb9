// Walks through the explore page in a browser, and fails with what is wrong.
//
//     node walk.mjs URL [FOLDER]
//
// URL is that of the page, such as http://127.0.0.1:9494/explore. The server must have the metric `up` with several
// series, or the metric that METRIC names, with points in the last minutes. FOLDER gets pictures. CHROMIUM is the
// browser's program. TOKEN is entered if the server wants one. ONLY runs the steps with this text in their names.

import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { expectStatus, folder, problems, url } from "./harness.mjs";
import { pageSteps } from "./steps/page.mjs";
import { queries } from "./steps/queries.mjs";

if (url === undefined) {
  console.error("usage: node walk.mjs URL [FOLDER]; URL is that of the page, such as http://127.0.0.1:9494/explore");
  process.exit(2);
}

await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--disable-gpu"],
});
let failed = 0;
for (const [name, step] of Object.entries({ ...queries, ...pageSteps })) {
  if (process.env.ONLY !== undefined && !name.includes(process.env.ONLY)) continue;
  problems.length = 0;
  expectStatus();
  let message = "";
  try {
    await step(browser);
  } catch (error) {
    message = error.message;
  }
  if (message === "" && problems.length > 0) message = "the browser reports problems";
  console.log(`${message === "" ? "ok    " : "FAILED"}  ${name}`);
  if (message !== "") {
    failed += 1;
    console.error([message, ...problems].map((line) => `        ${line}`).join("\n"));
  }
}
await browser.close();
console.log(failed === 0 ? `all passed; pictures are in ${folder}` : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
