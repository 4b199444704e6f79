// What the dashboard's pages can do with a script and need not: copying a text, and dates in the reader's own time.

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

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) continue;
  time.title = time.textContent;
  time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
