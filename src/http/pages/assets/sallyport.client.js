// Optional: all pages work without this script. It reads `data-` attributes, and sends no requests but the page's forms.

/** @param {string} selector @param {ParentNode} [root] @returns {any[]} */
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** @param {HTMLFormElement} form @param {boolean} disabled */
const setDisabled = (form, disabled) => {
  for (const button of all("[type=submit]", form)) button.disabled = disabled;
};

/** Prevents that a form is submitted twice. @param {HTMLFormElement} form */
function sendOnce(form) {
  const setSent = (/** @type {boolean} */ sent) => {
    form.toggleAttribute("data-sent", sent);
    setDisabled(form, sent);
  };
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("data-sent")) return event.preventDefault();
    setSent(true);
    setTimeout(setSent, 8000, false); // the visitor stopped loading, or there is no network
  });
  addEventListener("pageshow", (event) => event.persisted && setSent(false)); // the page came from the back/forward cache
  setSent(false); // Firefox keeps `disabled` after a reload
}

/** Removes spaces from the code, and submits the form after the sixth digit. @param {HTMLInputElement} input */
function codeField(input) {
  const { form, dataset } = input;
  /** @type {HTMLDetailsElement | null} */
  const backup = document.querySelector(`[data-backup-for="${input.id}"]`);
  backup?.addEventListener("toggle", () => {
    input.inputMode = backup.open ? "text" : "numeric";
    input.autocomplete = backup.open ? "off" : "one-time-code";
  });

  const clean = (/** @type {string} */ typed) => {
    const compact = typed.replace(/[\s-]/g, "");
    if (dataset.code === "digits") return compact.replace(/\D/g, "").slice(0, 6);
    // A backup code may begin with four digits; text with a hyphen after them is not changed.
    return backup?.open || !/^\d{0,6}$/.test(compact) || /^\s*\d{4}-/.test(typed) ? typed : compact;
  };

  input.addEventListener("input", (event) => {
    if (/** @type {InputEvent} */ (event).isComposing) return;
    const code = clean(input.value);
    if (code !== input.value) input.value = code;
    const waiting = form?.querySelector("[type=submit]:disabled");
    if ("codeSubmits" in dataset && /^\d{6}$/.test(code) && !backup?.open && !waiting) form?.requestSubmit();
  });
}

/** @param {number} n @param {string} unit */
const count = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;

/** @param {number} seconds */
function inWords(seconds) {
  if (seconds < 60) return count(seconds, "second");
  if (seconds >= 7200) return count(Math.round(seconds / 3600), "hour");
  const rest = seconds % 60;
  return count(Math.floor(seconds / 60), "minute") + (rest ? ` ${count(rest, "second")}` : "");
}

/** Counts down, without a screen reader reading every second, and then enables the form. @param {HTMLElement} line */
function countdown(line) {
  const end = performance.now() + Number(line.dataset.countdownSeconds) * 1000;
  const text = line.querySelector("[data-countdown-text]");
  const live = line.closest("[role=alert]") ?? line;
  const setWaiting = (/** @type {boolean} */ waiting) => {
    for (const form of all("form[data-waits]")) setDisabled(form, waiting);
  };
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    live.ariaLive = left > 0 ? "off" : "polite";
    if (left > 0 && text) text.textContent = inWords(left);
    if (left > 0) return;
    clearInterval(timer);
    setWaiting(false);
    line.textContent = "You can try again now.";
  }, 1000);
  setWaiting(true);
}

/** Compares the device's clock at the arrival of the page with the server's time at its rendering. @param {HTMLElement} notice */
function clockWarning(notice) {
  const [page] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (!page || page.type === "back_forward") return; // may be a cached page with an old time
  const arrived = Date.now() - (performance.now() - page.responseStart);
  const seconds = Math.round(Math.abs(arrived - Number(notice.dataset.serverNow)) / 1000);
  if (seconds <= 20) return;
  const about = seconds < 120 ? seconds : 60 * Math.round(seconds / 60);
  for (const text of all("[data-clock-offset]", notice)) text.textContent = inWords(about);
  notice.hidden = false;
}

/** @param {string} message */
const say = (message) => {
  for (const status of all("[data-copy-status]")) status.textContent = message;
};

/** @param {HTMLElement} button */
const copyButton = (button) =>
  button.addEventListener("click", () => {
    const refused = () => say("Your browser did not allow it. Select the text and copy it.");
    if (!navigator.clipboard) return refused(); // plain HTTP
    navigator.clipboard.writeText(button.dataset.copy ?? "").then(() => say("Copied."), refused);
  });

/** @param {HTMLElement} button */
const downloadButton = (button) =>
  button.addEventListener("click", () => {
    const [list] = all("[data-codes]");
    const codes = all("code", list).map((code) => code.textContent);
    const text = `Backup codes for ${list.dataset.codes} (${location.host})\nEach works once.\n\n${codes.join("\n")}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `${location.hostname}-backup-codes.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say("Saved as a file.");
  });

all("form").forEach(sendOnce);
all("[data-code]").forEach(codeField);
all("[data-countdown-seconds]").forEach(countdown);
all("[data-clock-warning]").forEach(clockWarning);
all("[data-copy]").forEach(copyButton);
all("[data-download]").forEach(downloadButton);
for (const button of all("[data-print]")) button.addEventListener("click", () => print());
for (const element of all("[data-js]")) element.hidden = false;
