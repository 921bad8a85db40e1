// reference.mjs PACKAGE-DIRECTORY: evaluates requests, one JSON object a line
// {id, expr, data, bindings}, with the reference implementation, and answers
// {id, result | undefined: true | code | skipped: why} a line.
//
// A worker evaluates. Some pictures make the reference loop for ever: a worker
// that does not answer in time is ended, and the next one goes on behind that
// request.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const MS_MAX = 2000;

// A result that is or holds a function is no value.
function holdsFunction(value, depth) {
    if (value === null || typeof value !== "object") {
        return typeof value === "function";
    }
    if (depth > 100 || value._jsonata_lambda || value._jsonata_function) {
        return true;
    }
    return Object.values(value).some((member) => holdsFunction(member, depth + 1));
}

async function answer(jsonata, request) {
    const { id, expr, data, bindings } = request;
    try {
        const result = await jsonata(expr).evaluate(data, bindings);
        if (result === undefined) {
            return { id, undefined: true };
        }
        return holdsFunction(result, 0) ? { id, skipped: "function" } : { id, result };
    } catch (error) {
        return { id, code: error.code ?? null };
    }
}

async function work({ directory, lines, from }) {
    const jsonata = createRequire(directory + "/")("jsonata");
    for (let i = from; i < lines.length; i++) {
        parentPort.postMessage(JSON.stringify(await answer(jsonata, JSON.parse(lines[i]))));
    }
}

function watch(directory, lines, answers) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { directory, lines, from: answers.length } });
    let timer;
    const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
            await worker.terminate();
            answers.push(JSON.stringify({ id: JSON.parse(lines[answers.length]).id, skipped: "endless" }));
            finish(directory, lines, answers);
        }, MS_MAX);
    };
    wait();
    worker.on("message", (text) => {
        answers.push(text);
        wait();
        if (answers.length === lines.length) {
            clearTimeout(timer);
            finish(directory, lines, answers);
        }
    });
}

function finish(directory, lines, answers) {
    if (answers.length < lines.length) {
        watch(directory, lines, answers);
    } else {
        process.stdout.write(answers.map((text) => text + "\n").join(""));
    }
}

if (isMainThread) {
    finish(process.argv[2], readFileSync(0, "utf8").split("\n").filter((line) => line), []);
} else {
    await work(workerData);
}
