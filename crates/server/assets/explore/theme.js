// Light and dark colours: those of the system, or the user's choice.

const KEY = "timestrata.theme";
const CHOICES = ["system", "light", "dark"];

function stored() {
  try {
    const choice = localStorage.getItem(KEY);
    return CHOICES.includes(choice) ? choice : "system";
  } catch {
    // Storage may be forbidden.
    return "system";
  }
}

/** The colours of the page. `onchange` is called when they change. */
export class Theme {
  constructor() {
    this.choice = stored();
    this.onchange = () => {};
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.onchange());
    this.#apply();
  }

  get isDark() {
    return this.choice === "dark" || (this.choice === "system" && this.system.matches);
  }

  /** Goes on to the next choice: system, light, dark. */
  next() {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length];
    try {
      localStorage.setItem(KEY, this.choice);
    } catch {
      // The choice then lasts until the page is left.
    }
    this.#apply();
    this.onchange();
  }

  #apply() {
    if (this.choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
  }
}

/** Returns the colour of the line with a number. Neighbouring numbers have distant hues. */
export function lineColour(number, isDark) {
  const hue = (210 + number * 137.508) % 360;
  // Yellow and green look lighter than blue and red at the same lightness.
  const isBright = hue > 40 && hue < 190;
  const lightness = isDark ? (isBright ? 58 : 68) : isBright ? 33 : 45;
  return `hsl(${hue.toFixed(1)} ${isDark ? 75 : 80}% ${lightness}%)`;
}
