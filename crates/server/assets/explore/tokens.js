// The access token: kept for this tab, asked for when the server wants one.

import { byId } from "./dom.js";

const KEY = "timestrata.token";

/** The token of this tab, and the dialog that asks for it. */
export class Tokens {
  #token = null;
  #question = null;
  #isDismissed = false;

  constructor() {
    try {
      this.#token = sessionStorage.getItem(KEY);
    } catch {
      // Storage may be forbidden: the token then lasts until the page is left.
    }
    this.onchange = () => {};
    byId("token-cancel").addEventListener("click", () => byId("token-dialog").close("cancel"));
  }

  get current() {
    return this.#token;
  }

  /**
   * Gets another token after `refused` was not accepted. Returns `false` if the user gives none. A background request
   * does not ask again after the user closed the dialog.
   */
  async renew(refused, isBackground) {
    if (this.#token !== refused) return true;
    if (isBackground && this.#isDismissed) return false;
    this.#question ??= this.#ask(refused !== null).finally(() => {
      this.#question = null;
    });
    return this.#question;
  }

  /** Forgets the token. */
  forget() {
    this.#store(null);
    this.#isDismissed = true;
  }

  /** Asks for a token at the user's wish. */
  async change() {
    return this.#ask(false);
  }

  #ask(wasRefused) {
    const dialog = byId("token-dialog");
    const field = byId("token-field");
    byId("token-refused").hidden = !wasRefused;
    field.value = "";
    dialog.returnValue = "cancel";
    dialog.showModal();
    field.focus();
    return new Promise((resolve) => {
      dialog.addEventListener(
        "close",
        () => {
          const token = field.value.trim();
          field.value = "";
          const isGiven = dialog.returnValue === "use" && token !== "";
          this.#isDismissed = !isGiven;
          if (isGiven) this.#store(token);
          resolve(isGiven);
        },
        { once: true },
      );
    });
  }

  #store(token) {
    this.#token = token;
    try {
      if (token === null) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, token);
    } catch {
      // As above.
    }
    this.onchange();
  }
}
