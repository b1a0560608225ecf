// For a page of a site that keeps its token in the browser's storage: <script src="…/assets/site.js"></script> before the site's own
// scripts. When a request of these scripts is refused because the second factor is missing, this script hands the first factor over to
// Sallyport's pages, and opens the page for the code. The site's scripts do not see this 401, which they would take for an expired token.
(() => {
  /** Time of the last hand-over. A 401 within `minMilliseconds` goes to the site's scripts, to avoid a loop in a browser without cookies. */
  const returnedKey = "sallyport-handed-over";
  const minMilliseconds = 15_000;
  const { fetch } = window;
  let leaving = false;

  const isOwnOrigin = (url) => new URL(url, location.href).origin === location.origin;
  const isProblem = (type) => /^application\/problem\+json\b/i.test(type ?? "");

  const problemOf = (type, text) => {
    if (!isProblem(type)) return null;
    try {
      const problem = JSON.parse(text);
      // The response may contain text of an attacker. The URL parser drops tabs and line ends, so `/\t/evil.example` is another host.
      const isOwn = [problem.hand_over, problem.sign_in].every(
        (path) => /^\/(?![/\\])/.test(path) && isOwnOrigin(path),
      );
      return isOwn && Date.now() - Number(sessionStorage.getItem(returnedKey)) > minMilliseconds
        ? problem
        : null;
    } catch {
      return null;
    }
  };

  /** Hands over and opens the page for the code. Resolves only if the hand-over fails, so that the visitor stays on this page. */
  const leave = async (problem, headers) => {
    if (!leaving) {
      leaving = true;
      const credentials = [...headers].filter(([name]) => !/^(content-|accept)/i.test(name));
      // A redirect could send the credentials to another host.
      const init = { method: "POST", headers: credentials, redirect: "error" };
      const handedOver = await fetch(problem.hand_over, init).catch(() => null);
      if (handedOver?.ok) {
        sessionStorage.setItem(returnedKey, String(Date.now()));
        const page = new URL(problem.sign_in, location.href);
        page.searchParams.set("rd", location.pathname + location.search + location.hash);
        location.assign(page);
        return new Promise(() => {});
      }
      leaving = false;
      return;
    }
    return new Promise(() => {});
  };

  window.fetch = async function (input, init) {
    const response = await fetch.call(this, input, init);
    const type = response.headers.get("Content-Type");
    // Do not read the body of other responses: a stream may never end.
    if (response.status !== 401 || !isProblem(type) || !isOwnOrigin(response.url)) return response;
    const problem = problemOf(type, await response.clone().text());
    if (problem !== null)
      await leave(problem, new Headers(init?.headers ?? (input instanceof Request ? input.headers : {})));
    return response;
  };

  const { open, setRequestHeader } = XMLHttpRequest.prototype;
  const sent = new WeakMap();
  const released = new WeakSet();
  const endEvents = ["readystatechange", "load", "loadend"];
  XMLHttpRequest.prototype.open = function (...args) {
    if (!sent.has(this)) for (const type of endEvents) this.addEventListener(type, hold);
    sent.set(this, new Headers());
    released.delete(this);
    return open.apply(this, args);
  };
  XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
    setRequestHeader.call(this, name, value);
    sent.get(this)?.append(name, value);
  };

  /** Holds back the end events of a refused request from the site's listeners, which were added after this one. */
  function hold(event) {
    if (released.has(this) || this.readyState !== 4 || this.status !== 401 || !isOwnOrigin(this.responseURL))
      return;
    const text =
      this.responseType === "json"
        ? JSON.stringify(this.response)
        : ["", "text"].includes(this.responseType)
          ? this.responseText
          : "";
    const problem = problemOf(this.getResponseHeader("Content-Type"), text);
    if (problem === null) return;
    event.stopImmediatePropagation();
    if (event.type !== "loadend") return;
    leave(problem, sent.get(this)).then(() => {
      released.add(this);
      for (const type of endEvents) this.dispatchEvent(new ProgressEvent(type));
    });
  }
})();
