// Asks a flow with flowise-sdk, and writes what the SDK hands over as one line of JSON.
//     node sdk.mjs CLIENTS BASE FLOW KEY STREAMING QUESTION
import { createRequire } from "node:module";

const [clients, baseUrl, chatflowId, apiKey, streaming, question] = process.argv.slice(2);
const { FlowiseClient } = createRequire(`${clients}/`)("flowise-sdk");
const client = new FlowiseClient({ baseUrl, apiKey });

async function asked() {
    if (streaming === "false") {
        return { answer: await client.createPrediction({ chatflowId, question }) };
    }
    const events = [];
    for await (const event of await client.createPrediction({ chatflowId, question, streaming: true })) {
        events.push(event);
    }
    return { events };
}

console.log(JSON.stringify(await asked().catch((error) => ({ thrown: error.message }))));
