// The controls of time range, step, zone and refresh.

import { byId, element } from "./dom.js";
import { formatDuration, parseDuration } from "./duration.js";
import { formatTime, parseTime, zoneName } from "./time_format.js";
import { PRESETS, TimeRange } from "./time_range.js";

/**
 * The controls above the panels. `page` has `state`, `nowMs()`, `canGoBack`, `setRange(range)`, `back()`,
 * `setStep(text)`, `setUtc(isUtc)`, `setRefresh(milliseconds)` and `runAll()`.
 */
export class Controls {
  #page;

  constructor(page) {
    this.#page = page;
    this.preset = byId("range-preset");
    this.from = byId("range-from");
    this.to = byId("range-to");
    this.error = byId("range-error");
    this.step = byId("step");
    this.zone = byId("zone");
    this.refresh = byId("refresh-every");
    this.custom = byId("range-custom");
    this.preset.replaceChildren(
      ...PRESETS.map((text) => element("option", { value: text }, text)),
      element("option", { value: "custom" }, "custom"),
    );
    this.preset.addEventListener("change", () => this.#choosePreset());
    byId("range-form").addEventListener("submit", (event) => this.#apply(event));
    this.custom.addEventListener("toggle", () => this.custom.open && this.#fill());
    this.custom.addEventListener("keydown", (event) => event.key === "Escape" && this.#close(event));
    document.addEventListener("pointerdown", (event) => {
      if (this.custom.open && !this.custom.contains(event.target)) this.custom.open = false;
    });
    this.step.addEventListener("change", () => page.setStep(this.step.value.trim()));
    this.zone.addEventListener("click", () => page.setUtc(!page.state.isUtc));
    this.refresh.addEventListener("change", () => page.setRefresh(Number(this.refresh.value)));
    const { setRange } = page;
    const move = (change) => () => setRange(change(page.state.range));
    byId("range-earlier").addEventListener(
      "click",
      move((range) => range.shifted(-0.5, page.nowMs())),
    );
    byId("range-later").addEventListener(
      "click",
      move((range) => this.#later(range)),
    );
    byId("range-wider").addEventListener(
      "click",
      move((range) => range.zoomed(2, page.nowMs())),
    );
    byId("range-narrower").addEventListener(
      "click",
      move((range) => range.zoomed(0.5, page.nowMs())),
    );
    byId("range-back").addEventListener("click", () => page.back());
    byId("run-all").addEventListener("click", () => page.runAll());
  }

  /** Shows the state of the page. */
  draw() {
    const { range, step, isUtc, refreshMs } = this.#page.state;
    const text = formatDuration(range.spanMs);
    const preset = range.isLive ? PRESETS.find((one) => parseDuration(one) === range.spanMs) : undefined;
    this.preset.value = preset ?? "custom";
    const { startMs, endMs } = range.bounds(this.#page.nowMs());
    byId("range-text").textContent = range.isLive
      ? preset === undefined
        ? `last ${text}`
        : ""
      : `${formatTime(startMs, isUtc)} – ${formatTime(endMs, isUtc)}`;
    this.step.value = step;
    this.zone.textContent = isUtc ? "UTC" : "Local time";
    this.zone.setAttribute("aria-pressed", String(isUtc));
    this.zone.title = `Times are shown in ${zoneName(isUtc)}. Click to switch.`;
    if (![...this.refresh.options].some((option) => Number(option.value) === refreshMs)) {
      this.refresh.append(element("option", { value: String(refreshMs) }, formatDuration(refreshMs)));
    }
    this.refresh.value = String(refreshMs);
    byId("range-back").disabled = !this.#page.canGoBack;
    byId("range-later").disabled = range.isLive;
  }

  /** The later half of a range; one that reaches the present follows it. */
  #later(range) {
    const now = this.#page.nowMs();
    const next = range.shifted(0.5, now);
    return next.endMs !== null && next.endMs >= now ? new TimeRange(range.spanMs) : next;
  }

  #choosePreset() {
    if (this.preset.value === "custom") {
      this.custom.open = true;
      this.from.focus();
    } else this.#page.setRange(new TimeRange(parseDuration(this.preset.value)));
  }

  #fill() {
    const { range, isUtc } = this.#page.state;
    const { startMs, endMs } = range.bounds(this.#page.nowMs());
    this.from.value = range.isLive ? `now-${formatDuration(range.spanMs)}` : formatTime(startMs, isUtc);
    this.to.value = range.isLive ? "now" : formatTime(endMs, isUtc);
    byId("range-zone").textContent =
      `Times are in ${zoneName(isUtc)}: 2026-11-30, 2026-11-30 12:30:05, now-6h, or seconds since 1970. A Z behind a time means UTC.`;
    this.#fail("");
  }

  #apply(event) {
    event.preventDefault();
    const { isUtc } = this.#page.state;
    const now = this.#page.nowMs();
    const start = parseTime(this.from.value, isUtc, now);
    const end = parseTime(this.to.value, isUtc, now);
    this.from.setAttribute("aria-invalid", String(start === null));
    this.to.setAttribute("aria-invalid", String(end === null));
    if (start === null) return this.#fail(`"${this.from.value}" is no time.`, this.from);
    if (end === null) return this.#fail(`"${this.to.value}" is no time.`, this.to);
    if (start >= end) return this.#fail("The start must be before the end.", this.from);
    this.#fail("");
    this.custom.open = false;
    this.#page.setRange(this.to.value.trim() === "now" ? new TimeRange(end - start) : TimeRange.between(start, end));
  }

  #fail(text, field = null) {
    this.error.textContent = text;
    field?.focus();
  }

  #close(event) {
    event.stopPropagation();
    this.custom.open = false;
    this.custom.querySelector("summary").focus();
    this.draw();
  }
}
