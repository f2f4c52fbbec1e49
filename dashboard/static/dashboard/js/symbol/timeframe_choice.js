// The candles' timeframe: chosen by radio buttons, kept in the address, so that Back works.

export class TimeframeChoice {
  /** onChange({name, ms}): the reader chose another, or the address names it. */
  constructor(page, fieldset, onChange) {
    this.all = page.timeframes;
    this.fieldset = fieldset;
    this.onChange = onChange;
    fieldset.addEventListener("change", (event) => this.choose(event.target.value));
    addEventListener("popstate", () => this.show(this.named()));
  }

  start() {
    return this.show(this.named());
  }

  /** Resolves when the candles of it are there. */
  choose(name) {
    if (name === this.current?.name) return Promise.resolve();
    const address = new URL(location.href);
    address.searchParams.set("timeframe", name);
    window.history.pushState(null, "", address);
    return this.show(name);
  }

  show(name) {
    this.current = this.all.find((each) => each.name === name);
    for (const radio of this.fieldset.querySelectorAll("input")) radio.checked = radio.value === name;
    return this.onChange(this.current);
  }

  named() {
    const asked = new URLSearchParams(location.search).get("timeframe");
    return this.all.some((each) => each.name === asked) ? asked : this.all[0].name;
  }
}
