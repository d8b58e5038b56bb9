// The page: its state, and the parts that share it.

import { Api } from "./api.js";
import { Catalog } from "./catalog.js";
import { Controls } from "./controls.js";
import { byId, copyText } from "./dom.js";
import { Health } from "./health.js";
import { MetricList } from "./metric_list.js";
import { findNewest } from "./newest.js";
import { Panel } from "./panel.js";
import { Theme } from "./theme.js";
import { TimeRange } from "./time_range.js";
import { Tokens } from "./tokens.js";
import { MAX_PANELS, defaultState, stateFromHash, stateToHash } from "./url_state.js";

/** Ranges to which "Back" leads, at most. */
const MAX_BACK = 50;

/** The page. Its parts call it, and read `state`. */
export class Page {
  #panels = [];
  #focused = null;
  #back = [];
  #timer = 0;
  #isLost = false;

  constructor() {
    this.theme = new Theme();
    this.state = stateFromHash(location.hash);
    this.tokens = new Tokens();
    this.api = new Api(this.tokens, (isConnected) => this.#showConnection(isConnected));
    this.catalog = new Catalog(this.api);
    this.health = new Health(
      this.api,
      () => this.state.isUtc,
      () => this.#onready(),
    );
    // Parts get them as functions.
    this.onzoom = (startMs, endMs) => this.setRange(TimeRange.between(startMs, endMs));
    this.onchange = (isStep) => this.#writeAddress(isStep);
    this.onremove = (panel) => this.#removePanel(panel);
    this.onfocus = (panel) => {
      this.#focused = panel;
    };
    this.setRange = (range) => this.#setRange(range);
    this.controls = new Controls(this);
    this.metrics = new MetricList(this.catalog, (text) => this.#query(text));
  }

  /** Shows the state of the address, and asks the server. */
  start() {
    this.#connect();
    this.#showState();
    this.metrics.load();
    this.health.look();
    for (const panel of this.#panels) panel.run();
    if (matchMedia("(hover: hover)").matches) this.#panels[0].box.focus();
  }

  nowMs() {
    return Date.now();
  }

  get canGoBack() {
    return this.#back.length > 0;
  }

  #connect() {
    byId("skip").addEventListener("click", (event) => {
      // The address holds the state, so that a jump within the page must not change it.
      event.preventDefault();
      this.#panels[0].box.focus();
    });
    byId("add-panel").addEventListener("click", () => this.#addPanel());
    byId("copy-link").addEventListener("click", (event) => this.#copyLink(event.currentTarget));
    byId("theme").addEventListener("click", () => this.theme.next());
    byId("forget-token").addEventListener("click", () => this.tokens.forget());
    byId("metrics-toggle").addEventListener("click", () => this.#toggleMetrics());
    byId("health-button").addEventListener("click", () => this.#toggleHealth());
    byId("connection-retry").addEventListener("click", () => this.health.look());
    this.theme.onchange = () => this.#redraw();
    this.tokens.onchange = () => this.#showToken();
    window.addEventListener("popstate", () => this.#readAddress());
    document.addEventListener("keydown", (event) => this.#keydown(event));
    this.#showToken();
    this.#showTheme();
  }

  #keydown(event) {
    const isField =
      event.target instanceof HTMLInputElement ||
      event.target instanceof HTMLTextAreaElement ||
      event.target instanceof HTMLSelectElement;
    if (
      event.key === "Enter" &&
      (event.ctrlKey || event.metaKey) &&
      !event.defaultPrevented &&
      !byId("token-dialog").open
    ) {
      event.preventDefault();
      this.runAll();
    } else if (event.key === "/" && !isField && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      (this.#focused ?? this.#panels[0]).box.focus();
    } else if (event.key === "Escape" && !byId("health-panel").hidden) this.#toggleHealth();
    else if (event.key === "Escape" && event.target instanceof HTMLTextAreaElement) event.target.blur();
  }

  #showState() {
    for (const panel of this.#panels) panel.remove();
    this.#panels = this.state.panels.map((panel) => new Panel(this, panel));
    this.#focused = this.#panels[0];
    byId("panels").replaceChildren(...this.#panels.map((panel) => panel.node));
    this.#showPanelButtons();
    this.controls.draw();
    this.#scheduleRefresh();
  }

  /** Writes the state into the address: as a step of the history, or over the last one. */
  #writeAddress(isStep) {
    this.state.panels = this.#panels.map((panel) => panel.state);
    const hash = `#${stateToHash(this.state)}`;
    if (hash === location.hash) return;
    if (isStep) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
    const [first] = this.state.panels;
    document.title = first.query.trim() === "" ? "Explore – timestrata" : `${first.query.slice(0, 60)} – timestrata`;
  }

  #readAddress() {
    this.state = location.hash === "" ? defaultState() : stateFromHash(location.hash);
    this.#showState();
    for (const panel of this.#panels) panel.run();
  }

  #setRange(range, isBack = false) {
    if (range.equals(this.state.range)) return;
    if (!isBack) this.#back = [...this.#back, this.state.range].slice(-MAX_BACK);
    this.state.range = range;
    this.controls.draw();
    this.runAll(true);
  }

  /** Goes back to the range before the last change. */
  back() {
    const range = this.#back.pop();
    if (range !== undefined) this.#setRange(range, true);
    this.controls.draw();
  }

  setStep(text) {
    this.state.step = text;
    this.runAll(true);
  }

  setUtc(isUtc) {
    this.state.isUtc = isUtc;
    this.controls.draw();
    this.#writeAddress(false);
    for (const panel of this.#panels) panel.redraw();
    this.health.look();
  }

  setRefresh(milliseconds) {
    this.state.refreshMs = milliseconds;
    this.#writeAddress(false);
    this.#scheduleRefresh();
  }

  #scheduleRefresh() {
    clearInterval(this.#timer);
    const { refreshMs } = this.state;
    if (refreshMs === 0) return;
    this.#timer = setInterval(() => {
      if (document.visibilityState === "visible" && this.state.range.isLive) this.runAll();
    }, refreshMs);
  }

  /** Runs the queries of all panels. */
  runAll(isStep = false) {
    this.#writeAddress(isStep);
    for (const panel of this.#panels) panel.run();
  }

  /** Moves the range such that it ends with the newest point of metrics. Returns `false` if it does, or if they have none. */
  async showNewest(metrics) {
    const { spanMs } = this.state.range;
    const newestMs = await findNewest(this.api, metrics, this.nowMs(), spanMs / 20);
    const range = newestMs === null ? this.state.range : new TimeRange(spanMs, newestMs);
    const isOther = !range.equals(this.state.range);
    this.#setRange(range);
    return isOther;
  }

  changeToken() {
    this.tokens.change().then((isGiven) => isGiven && this.#onready());
  }

  #addPanel() {
    if (this.#panels.length >= MAX_PANELS) return;
    const panel = new Panel(this, { query: "", view: "graph" });
    this.#panels.push(panel);
    byId("panels").append(panel.node);
    panel.run();
    panel.box.focus();
    panel.node.scrollIntoView({ block: "nearest" });
    this.#showPanelButtons();
  }

  #removePanel(panel) {
    const at = this.#panels.indexOf(panel);
    if (this.#panels.length === 1) panel.box.text = "";
    else {
      this.#panels.splice(at, 1);
      panel.remove();
    }
    const next = this.#panels[Math.min(at, this.#panels.length - 1)];
    next.box.focus();
    if (next === panel) panel.run(true);
    else this.#writeAddress(true);
    this.#showPanelButtons();
  }

  #showPanelButtons() {
    byId("add-panel").disabled = this.#panels.length >= MAX_PANELS;
  }

  /** Writes a query into the panel that had the focus last, and runs it. */
  #query(text) {
    const panel = this.#focused ?? this.#panels[0];
    panel.box.insert(text, true);
    panel.run(true);
    if (matchMedia("(max-width: 800px)").matches) this.#toggleMetrics(false);
  }

  #redraw() {
    this.#showTheme();
    for (const panel of this.#panels) panel.redraw();
  }

  #showTheme() {
    const [sign, name] = { system: ["◐", "System"], light: ["☀", "Light"], dark: ["☾", "Dark"] }[this.theme.choice];
    byId("theme-sign").textContent = sign;
    byId("theme-name").textContent = name;
  }

  #showToken() {
    byId("forget-token").hidden = this.tokens.current === null;
  }

  #toggleMetrics(isOpen = !document.body.classList.contains("has-metrics")) {
    document.body.classList.toggle("has-metrics", isOpen);
    byId("metrics-toggle").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.metrics.search.focus();
    else if (byId("metrics").contains(document.activeElement)) byId("metrics-toggle").focus();
  }

  #toggleHealth() {
    const panel = byId("health-panel");
    panel.hidden = !panel.hidden;
    byId("health-button").setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) this.health.look();
    else if (panel.contains(document.activeElement)) byId("health-button").focus();
  }

  #showConnection(isConnected) {
    byId("connection").hidden = isConnected;
    if (!isConnected) this.#retryLater();
    const isBack = isConnected && this.#isLost;
    this.#isLost = !isConnected;
    if (isBack) this.#onready();
  }

  /** Looks again soon, so that the page recovers without the user. */
  #retryLater() {
    if (this.retry !== undefined) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.health.look();
    }, 3_000);
  }

  #onready() {
    this.catalog.clear();
    this.metrics.load();
    this.runAll();
  }

  async #copyLink(button) {
    this.#writeAddress(false);
    const isDone = await copyText(location.href);
    button.textContent = isDone ? "Copied" : "Copy the address bar";
    setTimeout(() => {
      button.textContent = "Copy link";
    }, 1_500);
  }
}
