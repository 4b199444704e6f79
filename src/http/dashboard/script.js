// What the dashboard's pages can do with a script and need not: copying a text, dates in the reader's own time,
// older runs as a list is scrolled, and a run's page that follows its run.

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// A page that is gone back to comes from the browser's memory, whoever is signed in now: it is asked for anew.
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });

// What a form has made is shown once: loading the page again asks for its address and does not send the form, and nothing of it
// stays in memory.
if (document.querySelector("[data-once]")) {
  history.replaceState(null, "", location.href);
  addEventListener("pagehide", () => document.querySelector("main").replaceChildren());
}

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    // A day in UTC is no moment.
    if (!time.dateTime.includes("T")) continue;
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

showTimes(document);

// A page of the dashboard, to take parts of; null where the server has none for us, as when nobody is signed in any more.
async function pageAt(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer || !answer.ok) return null;
  if (answer.redirected) location.reload();
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Endless scroll: the link to older runs is followed when it comes into sight. It stays a link.
function followOlder(link) {
  const rows = document.querySelector("[data-rows]");
  let left = 20;
  const observer = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    const page = await pageAt(link.href);
    if (!page) return;
    showTimes(page);
    const found = page.querySelectorAll("[data-rows] > tr");
    rows.append(...found);
    // Where few runs fit, many pages are empty: somebody has to want more of those.
    left = found.length > 0 ? 20 : left - 1;
    const next = page.querySelector("a[data-older]");
    if (!next) link.parentElement.remove();
    else link.href = next.href;
    if (next && left > 0) observer.observe(link);
  }, { rootMargin: "400px" });
  observer.observe(link);
}

const older = document.querySelector("a[data-older]");
if (older) followOlder(older);

const reachable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";

// Puts a newer part in the place of an older one: what was open stays open, and who was on something stays there.
function renew(old, newer) {
  const asked = (part) => [...part.querySelectorAll("[name=step]")].map((step) => step.value).join();
  const isWritten = (field) => field.value !== field.defaultValue;
  // What somebody writes is left to them for as long as it is asked for.
  if ([...old.querySelectorAll("input, textarea")].some(isWritten) && asked(old) === asked(newer)) return;
  const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
  const place = [...old.querySelectorAll(reachable)].indexOf(document.activeElement);
  showTimes(newer);
  old.replaceWith(newer);
  for (const details of newer.querySelectorAll("details")) {
    if (details.id && open.includes(details.id)) details.open = true;
  }
  if (place >= 0) newer.querySelectorAll(reachable)[place]?.focus({ preventScroll: true });
}

// Follows a run: whenever something was recorded, its page is fetched anew, at most twice a second.
function followRun(run) {
  const events = new EventSource(run.dataset.events);
  const status = () => run.querySelector("[data-status]").dataset.status;
  let isDue = false;
  let isUnderWay = false;
  const refresh = async () => {
    isDue = true;
    if (isUnderWay) return;
    isUnderWay = true;
    while (isDue) {
      isDue = false;
      const begun = performance.now();
      const page = await pageAt(run.dataset.page);
      const newer = page?.querySelector("#run");
      if (newer) {
        const before = status();
        for (const part of run.querySelectorAll("[data-live]")) {
          const other = newer.querySelector(`[data-live="${part.dataset.live}"]`);
          if (other) renew(part, other);
        }
        if (status() !== before) document.getElementById("announcement").textContent = `The run is ${status()}.`;
        if (!newer.dataset.events) events.close();
      }
      // A page that takes long to make is not asked for all the time.
      await new Promise((resume) => setTimeout(resume, Math.max(500, 4 * (performance.now() - begun))));
    }
    isUnderWay = false;
  };
  events.addEventListener("message", refresh);
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) refresh();
  });
}

const followed = document.querySelector("[data-events]");
if (followed) followRun(followed);
