// Serves a page with flowise-embed on a free port, opens it in headless Chromium, types a question, and writes what the
// page shows as one line of JSON. Nothing but loopback is reached.
//     node widget.mjs CLIENTS BASE FLOW KEY QUESTION EXPECTED
// KEY may be empty. Waits until EXPECTED is seen, at most 20 s.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [clients, apiHost, chatflowid, key, question, expected] = process.argv.slice(2);
const puppeteer = createRequire(`${clients}/`)("puppeteer-core");
const widget = await readFile(`${clients}/node_modules/flowise-embed/dist/web.js`);
const page = `<!doctype html><meta charset="utf-8"><title>A page with a widget</title>
<flowise-fullchatbot></flowise-fullchatbot>
<script type="module">
import Chatbot from "/web.js";
const key = ${JSON.stringify(key)};
const onRequest = async (request) => {
    if (key) request.headers = { ...request.headers, authorization: "Bearer " + key };
};
Chatbot.initFull({ chatflowid: ${JSON.stringify(chatflowid)}, apiHost: ${JSON.stringify(apiHost)}, onRequest });
</script>`;

const server = createServer((request, response) => {
    const isScript = request.url === "/web.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? widget : page);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Chromium has no sandbox for root; the page is the test's own.
    args: [...(process.getuid() === 0 ? ["--no-sandbox"] : []), "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
try {
    const tab = await browser.newPage();
    const predictions = [];
    tab.on("response", (response) => {
        if (response.url().includes("/prediction/") && response.request().method() === "POST") {
            predictions.push({ status: response.status(), type: response.headers()["content-type"] });
        }
    });
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const box = await tab.waitForSelector("flowise-fullchatbot >>> textarea", { timeout: 20_000 });
    await box.type(question);
    await box.press("Enter");
    const seen = () => tab.evaluate(() => document.querySelector("flowise-fullchatbot").shadowRoot.textContent);
    const until = Date.now() + 20_000;
    while (!(await seen()).includes(expected) && Date.now() < until) {
        await new Promise((later) => setTimeout(later, 50));
    }
    console.log(JSON.stringify({ predictions, isSeen: (await seen()).includes(expected), text: await seen() }));
} finally {
    await browser.close();
    server.close();
}
